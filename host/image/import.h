/* Archives and layouts of images into the store. */
#pragma once

#include "store.h"

struct imported {
	struct {
		char *name; /* as the store lists it */
		struct oci_descriptor desc;
		char *was; /* the digest that had the name; NULL: none, or the same */
	} * images;
	size_t count;
};
void imported_clear(struct imported *i);

struct import_options {
	const char *name; /* NULL: what the archive says */
	bool replace;     /* names that stand for another image in the store, too; else that is refused (EEXIST) */
};

/* Reads an OCI image layout as a tar archive (plain, gzip or zstd), an archive as `docker save` makes it, or a layout
 * directory; path "-" is standard input. Blobs are verified. Names come from the archive: containerd's annotation, a
 * full name in org.opencontainers.image.ref.name, or Docker's RepoTags; a name that is given overrides them where the
 * archive has one image, and replaces what has it. Every image listed is complete for at least one platform. All are
 * listed, or none. */
int image_import(struct store *s, const char *path, const struct import_options *how, struct imported *out,
		 struct error *err);
