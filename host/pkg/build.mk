# packages: build.yml to an image in the cache
pkg.srcs := $(addprefix host/pkg/,control.c debian.c digest.c elf.c closure.c select.c walk.c recipe.c inputs.c package.c \
	registry.c)
pith.srcs += $(pkg.srcs) host/pkg/pkg.c
pith.deps += jansson crypto
