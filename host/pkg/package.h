/* A package: from its build.yml to an image in the cache. */
#pragma once

#include <stdbool.h>

#include "debian.h"
#include "git.h"
#include "image_json.h"
#include "recipe.h"
#include "store.h"

/* What a command line changes. Strings are borrowed. */
struct package_options {
	const char *build_yml; /* NULL: build.yml */
	const char *org;       /* NULL: the package's, else pith */
	const char *hash;      /* NULL: computed */
	const char *tag;       /* template; NULL: the package's */
	bool dev;              /* $USER and "dev" instead of organisation and hash */
	/* Of packages with a Dockerfile, whose hash is git's: */
	const char *hash_commit;    /* NULL: HEAD */
	const char *hash_path;      /* a folder above, whose hash it has; NULL: its own */
	bool force_dirty;           /* as if something were not committed */
	const char *dockerfile;     /* instead of the one that build.yml names; NULL: that */
	char *const *allow_sources; /* paths that sources may be below beside the package's own; NULL: none */
};

struct package {
	struct recipe recipe;
	struct platform platform;
	struct debian debs;     /* found, not unpacked */
	const char *dockerfile; /* borrowed, relative to the folder; NULL: a package of files */
	struct git_state git;   /* with a Dockerfile */
	bool at_head;           /* its hash is that of HEAD, which alone can be built */
	char *image;            /* "pith/init" */
	char *hash;             /* of all inputs, or as asked for; "": outside of git there is none */
	char *tag;
};
#define PACKAGE_INIT                \
	{                           \
		.debs = DEBIAN_INIT \
	}
#define _cleanup_package_ _cleanup_(package_clear)

/* Reads the package in `dir` and computes its tag for the platform. False when something is wrong: recipe.diags has it,
 * or err. */
bool package_load(struct package *p, const char *dir, const struct package_options *options,
		  const struct platform *platform, struct error *err);
void package_clear(struct package *p);

/* "pith/init:tag"; caller frees, NULL without memory. */
char *package_name(const struct package *p);
/* Whether the recipe says that it can be built for the platform. */
bool package_has_arch(const struct package *p);

/* Whether the tag has the hash in it: only then an image of that name is what the recipe makes now. */
bool package_tag_tells(const struct package *p);
/* 1: the cache has the image under its names. */
int package_cached(const struct package *p, struct store *store, struct error *err);
