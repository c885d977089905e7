# the file tree and its writers
tree.srcs := $(addprefix host/tree/,tree.c entries.c archive.c layer.c merge.c content.c walk.c write_tar.c write_cpio.c \
	mkfs.c output.c directory.c layout.c)
pith.srcs += $(tree.srcs)
