/* The folder of what was found, /run/config, changed so that a reader never sees half a file.
 *
 * It is itself what other containers have mounted, so it cannot be exchanged for another folder: they would go on
 * seeing the old one. What is new is written into a folder of the program's own in it, TREE_STAGE, which is on the same
 * file system, and each entry is then renamed to its place:
 *
 *   tree_begin   locks the folder, removes what a killed program left in TREE_STAGE
 *   tree_file, tree_dir   into TREE_STAGE
 *   tree_commit  removes `provider`; each file by rename(2), over the old one of its name; a directory that is not
 * there yet in one piece, one that is there stays and its entries are renamed one by one; `provider` last
 *
 * So a file is the old one or the new one, whole; and where `provider` is, everything is. A program that is killed at
 * any point leaves whole files, perhaps no `provider`, and TREE_STAGE, which the next one removes. */
#pragma once

#include "sink.h"

#define TREE_OWN      ".pith-"
#define TREE_STAGE    ".pith-new"
#define TREE_PROVIDER "provider"

struct tree {
	int dir, stage;
	const char *path;
};

#define TREE_INIT                      \
	{                              \
		.dir = -1, .stage = -1 \
	}
#define _cleanup_tree_ _cleanup_(tree_close)

/* Makes the folder (0755) where it is missing. EBUSY: another one is at it. path is kept. */
int tree_begin(struct tree *t, const char *path, struct error *err);
/* Without commit everything stays as it was. Legal on one that was not begun. */
void tree_close(struct tree *t);

/* A second file of a name takes the first one's place; missing directories are made. */
int tree_file(struct tree *t, const struct sink_file *file, struct error *err);
/* One that is there already keeps its mode. */
int tree_dir(struct tree *t, const char *path, mode_t mode, struct error *err);

/* say: as a sink's, for what cannot get to its place, such as a file where a directory is. */
int tree_commit(struct tree *t, void (*say)(void *data, const char *what, const char *why), void *data,
		struct error *err);
