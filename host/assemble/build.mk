# pith build: from a configuration to the files that boot
host/assemble.sees := host/assemble/spec host/cache host/command host/image host/media host/oci host/pkg host/progress host/ref host/sbom host/stream host/tree host/yaml $(B)/gen/host
assemble.srcs := $(wildcard host/assemble/*.c)
pith.srcs += $(assemble.srcs)
# recursive: what the tree needs is said in a later fragment
test_kernel_format.srcs = host/assemble/kernel_format.c host/assemble/kernel_unpack.c $(images.srcs)
test_kernel_format.deps = $(images.deps)
fuzz_kernel_format.srcs = $(test_kernel_format.srcs)
fuzz_kernel_format.deps = $(test_kernel_format.deps)
test_build_options.srcs = host/assemble/options.c $(sort $(command.srcs) $(images.srcs))
test_build_options.deps = $(images.deps)
fuzz_build_options.srcs = $(test_build_options.srcs)
fuzz_build_options.deps = $(images.deps)
