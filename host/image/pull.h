/* Images from registries and from the Docker daemon into the store. */
#pragma once

#include "store.h"

/* Fetches a reference from its registry with skopeo and lists it under its expanded name (with tag "latest" where none
 * is given). platform NULL: all platforms of an index. What came with the program is taken
 * from there instead (shipped.h). */
int image_pull(struct store *s, const char *text, const struct platform *platform, struct error *err);
/* From the local Docker daemon (skopeo's docker-daemon transport). */
int image_pull_docker(struct store *s, const char *text, struct error *err);
