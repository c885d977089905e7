/* An image in the form of an OCI image layout, as files of a tree. */
#pragma once

#include "store.h"
#include "tree.h"

/* A layout that holds the reference, as LinuxKit writes it for a volume of format oci: blobs of the platforms asked
 * for (all when count is 0), index.json and oci-layout. Directories and files 0755/0644, root, time 0. */
int layout_unpack(struct tree *t, const char *prefix, struct store *store, const struct ref *ref,
		  const struct platform *platforms, size_t count, struct error *err);
