/* What the parts of an import share.
 *
 *   import.c                  image_import(): reads, works out, names
 *   import_read.c             an archive or a directory: blobs go into the store as they pass, documents are kept
 *   import_oci.c              what an OCI index names, and whether all of it is there
 *   import_docker.c           what the manifest.json of `docker save` names
 *   import_names.c            names of images, listed as they are found and set together at the end */
#pragma once

#include <jansson.h>

#include "import.h"

struct import {
	struct store *store;
	const char *name; /* given by the caller, or NULL */
	bool replace;
	json_t *files;   /* docker archive: path -> {digest, size} of the stored blob, or the target of a link */
	json_t *listed;  /* name -> its place in out */
	json_t *checked; /* digest -> whether the image is all there: many names may be of one */
	struct buf index, manifest;
	struct imported *out;
};

int import_read_archive(struct import *im, const char *path, struct error *err);
int import_read_directory(struct import *im, const char *dir, struct error *err);

/* Lists the images of im->index and im->manifest. */
int import_finish_oci(struct import *im, struct error *err);
int import_finish_docker(struct import *im, struct error *err);

/* Takes note of an image; all get their names at the end. */
int import_list(struct import *im, const char *text, const struct oci_descriptor *d, struct error *err);
int import_set_names(struct import *im, struct error *err);
