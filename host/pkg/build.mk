# packages: build.yml to an image in the cache
host/pkg.sees := $(B)/gen/host host/builder host/cache host/command host/image host/oci host/progress host/ref host/stream host/tree host/yaml
pith.srcs += $(wildcard host/pkg/*.c)
pith.deps += jansson crypto
$(foreach v,host asan,$(B)/obj/$(v)/host/pkg/package_dockerfile.o): | $(B)/gen/host/version.h

# recursive: the model is said in a later fragment
test_pkg.srcs = $(addprefix host/pkg/,elf.c control.c recipe.c sources.c unpacked.c) $(yaml.srcs) host/ref/ref.c host/oci/platform.c
test_pkg.deps := yaml jansson m
test_pkg.iquote := host/stream
fuzz_elf.srcs := host/pkg/elf.c
fuzz_control.srcs := host/pkg/control.c
fuzz_recipe.srcs = host/pkg/recipe.c $(yaml.srcs) host/ref/ref.c
fuzz_recipe.deps := $(test_pkg.deps)
fuzz_recipe.iquote := host/stream
