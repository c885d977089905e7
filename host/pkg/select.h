/* The files of unpacked Debian packages that a package takes. */
#pragma once

#include <stdbool.h>

#include "debian.h"
#include "tree.h"

/* Adds what the packages asked for (level 0, unpacked) hold to the tree: paths that match one of `include` (all when it
 * is NULL), or are inside a directory that does, and none of `exclude`. Patterns as for the shell, * not matching
 * slashes; a pattern of `include` that matches nothing is an error. */
int select_add(struct tree *tree, const struct debian *debs, char *const *include, char *const *exclude,
	       const struct tree_meta *meta, struct error *err);

/* Whether a path ("usr/bin/x", no leading slash) or a directory above it matches a pattern (with or without one; /bin,
 * /sbin, /lib and /lib64 stand for those of /usr, where their files go). */
bool select_match(const char *pattern, const char *path);
