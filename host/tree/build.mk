# the file tree and its writers
host/tree.sees := host/cache host/tree/archive host/progress host/stream host/ref
tree.srcs := $(addprefix host/tree/,tree.c links.c entries.c layer.c merge.c content.c walk.c write_tar.c write_cpio.c \
	mkfs.c limits.c output.c directory.c layout.c)
pith.srcs += $(tree.srcs)

# the tree stands on the cache, and what writes images on the tree: their tests link both
images.srcs = $(stream.srcs) host/ref/ref.c $(cache.srcs) $(tree.srcs) $(archive.srcs)
images.deps := jansson crypto z zstd
$(foreach t,test_tree test_store test_formats fuzz_layer,$(eval $(t).srcs = $$(images.srcs))$(eval $(t).deps := $(images.deps)))
