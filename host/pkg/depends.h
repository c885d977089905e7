/* Images that a Dockerfile finds as archives among its files: LinuxKit's depends.docker-images. */
#pragma once

#include <stdbool.h>

#include "recipe.h"
#include "store.h"

/* Whether build.yml names any. */
bool depends_any(const struct recipe *r);

/* Puts them into the folder, a copy of the package's: out of the cache, pulled where it does not have them, for the
 * platform that is built for. */
int depends_add(const char *folder, const struct recipe *r, struct store *store, const struct platform *platform,
		struct error *err);
