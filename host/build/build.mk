# pith build: from a configuration to the files that boot
build.srcs := $(addprefix host/build/,build.c options.c input.c formats.c assemble.c root.c kernel.c kernel_format.c files.c \
	spec.c mounts.c runtime.c capabilities.c)
pith.srcs += $(build.srcs)
