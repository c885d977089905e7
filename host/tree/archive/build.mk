# archives: tar read entry by entry, headers of tar and cpio to be written
host/tree/archive.sees := host/stream
archive.srcs := $(wildcard host/tree/archive/*.c)
pith.srcs += $(archive.srcs)

test_tar.srcs := $(filter-out %/archive.c,$(archive.srcs))
