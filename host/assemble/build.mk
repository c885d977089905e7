# pith build: from a configuration to the files that boot
host/assemble.sees := host/cache host/command host/image host/oci host/pkg host/progress host/ref host/stream host/tree host/yaml
assemble.srcs := $(addprefix host/assemble/,build.c options.c input.c formats.c assemble.c root.c kernel.c kernel_format.c kernel_unpack.c files.c doubts.c user.c \
	spec.c mounts.c runtime.c capabilities.c)
pith.srcs += $(assemble.srcs)
# recursive: what the tree needs is said in a later fragment
test_kernel_format.srcs = host/assemble/kernel_format.c host/assemble/kernel_unpack.c $(images.srcs)
test_kernel_format.deps = $(images.deps)
fuzz_kernel_format.srcs = $(test_kernel_format.srcs)
fuzz_kernel_format.deps = $(test_kernel_format.deps)
test_build_options.srcs = host/assemble/options.c $(command.srcs) $(images.srcs)
test_build_options.deps = $(images.deps)
fuzz_build_options.srcs = $(test_build_options.srcs)
fuzz_build_options.deps = $(images.deps)
test_image_user.srcs := host/assemble/user.c
test_image_user.iquote := host/assemble
fuzz_image_user.srcs := host/assemble/user.c
fuzz_image_user.iquote := host/assemble
