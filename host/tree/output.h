/* Writing a tree: one walk, several formats.
 *
 * The order is deterministic and what any unpacker needs: a directory before its children, a file before its hard
 * links. A tree without members of archives is written depth first, siblings sorted by bytes. Else all directories come
 * first; then, in the same order, all that is no member of an archive; then the files of every layer in the order in
 * which the layer has them, so that each layer is decompressed once, and hard links follow their file at once. Late
 * files come behind everything. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "sink.h"
#include "tree.h"
#include "zip.h"

/* --- the walk --- */
struct tree_writer {
	/* One name. path: no leading slash, "" for the root. link: NULL, or the path (written before) that this name is
	 * a hard link of: no data follows. For files otherwise exactly inode->size bytes of data calls follow. */
	int (*entry)(struct tree_writer *w, const char *path, const struct tree_inode *inode, uint32_t ino,
		     const char *link, struct error *err);
	int (*data)(struct tree_writer *w, const void *data, size_t n, struct error *err);
};
/* ino: from 1, one a inode, in the order of writing. The bytes of content written so far, and in all, are told as
 * progress. */
int tree_walk(const struct tree *t, struct tree_writer *w, struct error *err);
/* Bytes of all contents, a hard-linked one once (to a few bytes). */
uint64_t tree_size(const struct tree *t);

/* --- formats --- */
/* POSIX pax where ustar cannot say it. */
int tree_write_tar(const struct tree *t, struct sink *out, struct error *err);
/* cpio newc with TRAILER!!!, padded to 512 bytes. */
int tree_write_cpio(const struct tree *t, struct sink *out, struct error *err);

/* File system images, made by mkfs tools. fd: a regular file, open for writing and empty. The tools' memory is bounded,
 * the result deterministic. squashfs: mksquashfs of squashfs-tools 4.5 or newer. erofs: mkfs.erofs; before version 1.8
 * over a temporary directory, which needs root or fakeroot (root where the tree has extended attributes).
 * mksquashfs 4.5 gives the root of the file system to user 0 whatever the tree says. */
int tree_write_squashfs(const struct tree *t, int fd, struct error *err);
int tree_write_erofs(const struct tree *t, int fd, struct error *err);
/* ISO 9660 with Rock Ridge and Joliet: xorriso over a temporary directory, as root or with fakeroot. It has no extended
 * attributes. What a firmware boots from it is a file of the tree (El Torito). */
enum iso_boot {
	ISO_DATA, /* nothing */
	ISO_BIOS, /* ISO_BIOS_LOADER; also from a disk that the image is copied to */
	ISO_EFI,  /* ISO_EFI_VOLUME, a FAT file system */
};
#define ISO_BIOS_LOADER "isolinux/isolinux.bin"
#define ISO_EFI_VOLUME  "boot/efi.img"
int tree_write_iso(const struct tree *t, enum iso_boot boot, int fd, struct error *err);

/* --- output files: whole or not at all; in place when the set is committed. With NULL a file of the caller's own use
 * is there at once, and may be lost with the machine --- */
struct outfile_set;

enum output_root {
	OUTPUT_PLAIN,    /* cpio of the whole tree */
	OUTPUT_EROFS,    /* /init, /early and /rootfs.erofs in a small cpio */
	OUTPUT_SQUASHFS, /* the same with /rootfs.squashfs */
	OUTPUT_SLOT,     /* the same with /rootfs.slot, which names a root that is on a disk */
	OUTPUT_BARE,     /* /init and /early: the root is on a disk */
};

int output_tar(const struct tree *t, struct outfile_set *set, const char *path, enum zip zip, struct error *err);
int output_squashfs(const struct tree *t, struct outfile_set *set, const char *path, struct error *err);
int output_erofs(const struct tree *t, struct outfile_set *set, const char *path, struct error *err);
/* An image of OUTPUT_EROFS or OUTPUT_SQUASHFS with its hash tree behind it (host/verity), whose digest goes to *verity.
 */
struct verity;
int output_verified(const struct tree *t, enum output_root root, struct outfile_set *set, const char *path,
		    struct verity *verity, struct error *err);
int output_iso(const struct tree *t, enum iso_boot boot, struct outfile_set *set, const char *path, struct error *err);

/* An initrd. ucode: a file of the tree that goes in front, uncompressed and padded, as the kernel wants microcode
 * (NULL: none). init: the file that becomes /init of an OUTPUT_EROFS/SQUASHFS initrd (the tree's own "init", usually).
 * early: tree that is put beside it as it is ("early/10-loop.ko", ...), may be NULL. verity: the image gets a hash
 * tree, as that of output_verified(); NULL: none. The small cpio around a file system image is not compressed: the
 * image is already, and the kernel would have to unpack it. */
struct output_initrd {
	enum output_root root;
	enum zip zip; /* of OUTPUT_PLAIN */
	int level;    /* of zip; 0: the usual */
	const struct tree_node *ucode, *init;
	const struct tree *early;
	const char *slot; /* of OUTPUT_SLOT: the UUID of that root */
	struct verity *verity;
};
int output_initrd(const struct tree *t, const struct output_initrd *how, struct outfile_set *set, const char *path,
		  struct error *err);
/* A single file of a tree (the kernel). */
int output_node(const struct tree_node *file, struct outfile_set *set, const char *path, struct error *err);
/* Bytes (the command line). */
int output_bytes(const void *data, size_t n, struct outfile_set *set, const char *path, struct error *err);
