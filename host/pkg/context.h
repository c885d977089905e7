/* The folder that a Dockerfile's COPY takes from: a copy of the package's own, with the extra sources and images of
 * Docker that build.yml names. The package's folder itself is never changed. */
#pragma once

#include "platform.h"
#include "recipe.h"
#include "store.h"

/* Fills a folder that is there and empty. */
int context_lay(const char *folder, const struct recipe *r, struct store *store, const struct platform *platform,
		struct error *err);

/* The folders of extra-sources, absolute; NULL: none, or an error. Caller frees. */
char **context_extra_dirs(const struct recipe *r, struct error *err);
