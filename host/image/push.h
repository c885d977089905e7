/* Images to registries and into the Docker daemon, and what a registry has. */
#pragma once

#include <stdbool.h>

#include "store.h"

enum push {
	PUSH_IMAGE = 1,  /* under its name */
	PUSH_ARCHES = 2, /* each platform of an index as "TAG-ARCH" */
};

/* Copies what the cache has under `text` (an index with all its platforms, which must all be in the cache) to a
 * registry, under `remote` (NULL: the same name). what: PUSH_*. override: also when the registry has the name already;
 * else that is no error: *skipped is set. */
int image_push(struct store *s, const char *text, const char *remote, unsigned what, bool override, bool *skipped,
	       struct error *err);

/* Into the Docker daemon of this machine, under the same name, for this machine's platform. */
int image_push_docker(struct store *s, const char *text, struct error *err);

/* What a registry has under a name gets another one, perhaps in another registry: all platforms, with the same digests.
 */
int registry_copy(const char *from, const char *to, struct error *err);

/* The digest that a registry has for a name; NULL on failure (also when there is none). Caller frees. */
char *registry_digest(const char *text, struct error *err);
