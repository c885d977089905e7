# images over the store: found, made, taken in and given out, fetched, and unpacked into a tree
host/image.sees := host/cache host/command host/oci host/progress host/ref host/stream host/tree host/tree/archive
image.srcs := $(filter-out %/cache_command.c,$(wildcard host/image/*.c))
pith.srcs += $(image.srcs) host/image/cache_command.c
pith.deps += jansson

# what tests of images link, and of whatever stands on them. Recursive: rooms of later fragments are in it.
images.srcs = host/command/paths.c $(stream.srcs) host/ref/ref.c $(oci.srcs) $(cache.srcs) $(image.srcs) $(tree.srcs) $(archive.srcs) $(verity.srcs)
images.deps := jansson crypto z zstd
$(foreach t,test_tree test_store test_plain test_formats fuzz_layer,$(eval $(t).srcs = $$(images.srcs))$(eval $(t).deps := $(images.deps)))
