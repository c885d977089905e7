/* Making a package's image. */
#pragma once

#include "builder.h"
#include "package.h"

/* How a Dockerfile is built. Strings are borrowed. */
struct package_building {
	enum builder_kind kind;
	char *const *arg_files; /* files of build arguments; NULL: none */
	const bool *network;    /* instead of what the package says; NULL: that */
	const bool *no_cache;   /* the same for disable-cache */
	bool fresh;             /* its images are pulled even if the cache has them */
	char *const *contexts;  /* PLATFORM=CONTEXT of Docker; NULL: none */
	void (*say)(void *data, const char *line);
	void *data;
	struct buf *tail; /* the last lines of a step that failed */
};

/* Makes the image; names it by its tag, `release` (may be NULL), and without a Dockerfile latest. force: also where
 * another package's image, or one from elsewhere, has a name. */
int package_build(struct package *p, struct store *store, const struct package_building *how, const char *release,
		  bool force, struct error *err);
