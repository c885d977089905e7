/* Images out of the store as archives. */
#pragma once

#include "store.h"

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

/* The images that the cache calls `texts`, for the platform, as one archive in which they are called `names` (full
 * names; both NULL-terminated and as long as each other). */
int image_export_several(struct store *s, char *const *texts, const struct platform *platform, char *const *names,
			 const char *path, struct error *err);
