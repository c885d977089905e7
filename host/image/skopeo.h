/* Registries and the Docker daemon, through skopeo: pith does not speak their protocols itself. */
#pragma once

#include <stdbool.h>

#include "store.h"

/* Fetches a reference from its registry with skopeo and lists it under its expanded name (with tag "latest" where none
 * is given). platform NULL: all platforms of an index. */
int image_pull(struct store *s, const char *text, const struct platform *platform, struct error *err);
/* From the local Docker daemon (skopeo's docker-daemon transport). */
int image_pull_docker(struct store *s, const char *text, struct error *err);

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

/* Where a reference's registry is. */
enum registry_place {
	PLACE_ANYWHERE,
	PLACE_PRIVATE, /* an address of RFC 1918: plain HTTP where the registry speaks nothing else, as LinuxKit has it
			*/
	PLACE_HERE,    /* this machine's own: TLS is not asked for, as Docker has it */
};
enum registry_place registry_place(const char *reference);
