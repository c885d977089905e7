/* The archive of a build before this one (--input-tar): what it has of an image need not be unpacked again. */
#pragma once

#include "assemble.h"

/* Reads it, all but the contents of files. A message about it has its name. */
int input_tar_open(struct assembly *a, const char *path, struct error *err);
void input_tar_free(struct input_tar *in); /* NULL is fine */

/* Puts what the image of the tree's origin (tree_set_origin) has brought below prefix into the tree, where the archive
 * has that from the same image for the same place of the YAML. 1: it is there; 0: there is no such thing, or something
 * may be missing: the image has to be unpacked; -1. */
int input_tar_take(struct assembly *a, const char *prefix, struct error *err);
/* Says that the files of an entry have been taken. old: a file of the archive that says what the entry was, NULL:
 * nothing; `now`: what it is. */
void input_tar_tell(struct assembly *a, const char *old, const struct buf *now);
