/* The files of an image: its layers, merged, put into a tree. */
#pragma once

#include "image.h"
#include "tree.h"

/* Merges the image's layers by the OCI image specification (whiteouts, opaque directories, hard links to lower
 * layers) and puts the result below prefix ("" or "containers/services/web/rootfs"; made where missing). Every layer is
 * read to its end and its digest checked. filter may be NULL. What exists below prefix is overlaid as single
 * entries would be. */
int image_unpack(struct tree *t, const char *prefix, const struct image *image, tree_filter_fn *filter, void *data,
		 struct error *err);
