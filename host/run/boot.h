/* What a NAME on the command line stands for: the files that `pith build` wrote under that prefix, an ISO image or a
 * disk image. */
#pragma once

#include "error.h"

enum boot_kind {
	BOOT_ANY,      /* asked for nothing in particular: look at what is there */
	BOOT_KERNEL,   /* NAME-kernel, NAME-initrd.img, NAME-cmdline */
	BOOT_SQUASHFS, /* NAME-kernel, NAME-squashfs.img as the first disk, NAME-cmdline */
	BOOT_EROFS,    /* the same with NAME-erofs.img */
	BOOT_ISO,
	BOOT_DISK,
};

struct boot {
	enum boot_kind kind;
	char *prefix; /* what the state directory is named after */
	char *kernel; /* files; NULL where the kind has none */
	char *initrd;
	char *root;       /* read-only image of the root file system, or the bootable ISO or disk */
	char *cmdline;    /* without the line's end; with root= where the kind needs it */
	const char *arch; /* the kernel's, as QEMU names it; NULL: its file does not say */
};

/* Finds the files. With BOOT_ANY a file is what its first bytes say (boot_file.h), and of more than one kind of root
 * beside the kernel the one written last is taken. boot_clear() frees, also on failure. */
int boot_find(const char *name, enum boot_kind wanted, struct boot *out, struct error *err);
void boot_clear(struct boot *b);

/* Looks at what is in the kernel's file: one that is cut, or no kernel, fails with its name. */
int boot_check(const struct boot *b, struct error *err);
