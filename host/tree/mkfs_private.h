/* What the writers of file system images share: running a mkfs tool over the tree. write_squashfs.c, write_erofs.c and
 * write_iso.c name the tool; mkfs.c runs it, with the tree as a tar stream where it reads one; mkfs_directory.c gives
 * it a directory where not. */
#pragma once

#include "tool.h"
#include "tree_private.h"

/* Runs a tool with the tree as a tar archive on its standard input. */
int tool_run_with_tar(const struct tool *tool, const struct tree *t, enum tar_root root, struct error *err);
/* The newest time in the tree, as build time (SOURCE_DATE_EPOCH): it keeps all files' times as they are and the image
 * deterministic. erofs makes inodes with this very time small, as they take it from the superblock; mksquashfs, which
 * gives the root the time of day, clamps that to it. */
int64_t tree_build_time(const struct tree *t);

/* --- mkfs_directory.c --- */
enum { IMAGER_ARGS = 40 };

struct imager {
	const char *package; /* Debian's */
	const char *const *argv;
	const char *needs_root; /* the beginning of the message where there is no fakeroot */
	const int *source;      /* a descriptor that the tool reads as SOURCE_PATH, NULL: none */
	bool keeps_xattrs;
};
/* Puts the tree into a directory and has a tool make an image of it: the directory is added to its arguments (at most
 * IMAGER_ARGS). */
int imager_run(const struct tree *t, const struct imager *how, int fd, int64_t *epoch, struct error *err);
