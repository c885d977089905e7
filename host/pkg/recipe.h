/* A package's build.yml: LinuxKit's fields, and ours that say what the image holds. docs/packages.md */
#pragma once

#include <stdbool.h>

#include "arena.h"
#include "diag.h"
#include "schema.h"

enum {
	RECIPE_IMAGE,
	RECIPE_ORG,
	RECIPE_TAG,
	RECIPE_ARCHES,
	RECIPE_CONFIG,
	RECIPE_FILES,
	RECIPE_DEBIAN,
	RECIPE_ENTRYPOINT,
	RECIPE_CMD,
	RECIPE_ENV,
	RECIPE_WORKDIR,
	RECIPE_USER,
	RECIPE_LABELS,
	/* of packages with a Dockerfile */
	RECIPE_DOCKERFILE,
	RECIPE_EXTRA_SOURCES,
	RECIPE_GITREPO,
	RECIPE_NETWORK,
	RECIPE_DISABLE_CACHE,
	RECIPE_BUILD_ARGS,
	RECIPE_DEPENDS,
	RECIPE_COUNT
};

enum {
	PKG_FILE_PATH,
	PKG_FILE_SOURCE,
	PKG_FILE_CONTENTS,
	PKG_FILE_SYMLINK,
	PKG_FILE_DIRECTORY,
	PKG_FILE_MODE,
	PKG_FILE_UID,
	PKG_FILE_GID,
	PKG_FILE_COUNT
};

enum { PKG_DEBIAN_PACKAGES, PKG_DEBIAN_INCLUDE, PKG_DEBIAN_EXCLUDE, PKG_DEBIAN_LIBRARIES, PKG_DEBIAN_COUNT };

enum { PKG_DEPENDS_IMAGES, PKG_DEPENDS_COUNT };

enum { PKG_IMAGES_TARGET_DIR, PKG_IMAGES_TARGET, PKG_IMAGES_FROM_FILE, PKG_IMAGES_LIST, PKG_IMAGES_COUNT };

struct recipe {
	struct arena arena;
	struct diags diags;
	struct text_file file;
	const struct node *root; /* a checked record of the fields above */
	char *dir;               /* of build.yml: sources are relative to it */
	/* What sources may be below: sources.h fills it. real: links resolved. */
	char *real_dir, **extra, **extra_texts, **allowed;
	/* For another architecture: extra sources as they are named, each followed by what stands for it. */
	char **twins;
};
#define _cleanup_recipe_ _cleanup_(recipe_clear)

/* Reads and checks DIR/NAME. False when there is something wrong with it: r->diags has it all, or err when the file
 * could not be read. */
bool recipe_load(struct recipe *r, const char *dir, const char *name, struct error *err);
/* The same from text alone. */
bool recipe_parse(struct recipe *r, const char *name, char *text, size_t len);
void recipe_clear(struct recipe *r);

/* A list of texts as a vector: NULL when the field is absent, or without memory (*failed). Caller frees. */
char **recipe_strings(const struct node *n, size_t field, bool *failed);

/* The Dockerfile that makes the image, relative to the folder; NULL: files and debian say what is in it. given: instead
 * of what the recipe names, or NULL. */
const char *recipe_dockerfile(const struct recipe *r, const char *given);

extern const struct record recipe_record, pkg_file_record, pkg_debian_record;
