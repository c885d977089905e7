/* Images into the store and out of it as files. */
#pragma once

#include "store.h"
#include "str.h"

struct imported {
	char **names; /* as the store lists them */
};
static inline void imported_clear(struct imported *i)
{
	strv_free(i->names);
}

/* Reads an OCI image layout as a tar archive (plain, gzip or zstd), an archive as `docker save` makes it, or a layout
 * directory; path "-" is standard input. Blobs are verified. Names come from the archive: containerd's annotation, a
 * full name in org.opencontainers.image.ref.name, or Docker's RepoTags; `name` overrides them where the archive has one
 * image. Every image listed is complete for at least one platform. */
int image_import(struct store *s, const char *path, const char *name, struct imported *out, struct error *err);

enum export_format {
	EXPORT_OCI, /* OCI layout that is a docker archive as well: skopeo, ctr, docker load, LinuxKit and pith import
		       it */
	EXPORT_DOCKER,     /* the same: the name LinuxKit's command has for it */
	EXPORT_FILESYSTEM, /* tar of the files */
};

/* Writes an image into an archive (path "-": standard output), named `name` inside (NULL: its own). platform NULL: the
 * whole index with every manifest in it (not for EXPORT_FILESYSTEM). Deterministic. */
int image_export(struct store *s, const char *text, const struct platform *platform, enum export_format format,
		 const char *name, const char *path, struct error *err);
