/* Images that came with the program: an archive in a folder beside it, imported when their name is first asked for. */
#include "shipped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import.h"
#include "paths.h"
#include "str.h"

/* The images of the project itself; all others are their registries'. */
static const char prefix[] = "docker.io/pith/";

/* $PITH_IMAGES, or the folder beside bin/, wherever it was unpacked. */
static char *shipped_folder(void)
{
	const char *given = getenv("PITH_IMAGES");

	return given && *given ? strdup(given) : path_shared("images", NULL);
}

int shipped_take(struct store *s, const struct ref *ref, struct error *err)
{
	_cleanup_free_ char *folder = NULL, *path = NULL, *name = NULL;
	_cleanup_(imported_clear) struct imported got = { 0 };

	if (ref->digest || !str_starts(ref->name, prefix) || strchr(ref->name + strlen(prefix), '/'))
		return 0;
	folder = shipped_folder();
	path = folder
		? str_format("%s/pith/%s:%s.tar", folder, ref->name + strlen(prefix), ref->tag ? ref->tag : "latest")
		: NULL;
	name = ref_cache_name(ref);
	if (!path || !name)
		return error_set(err, ENOMEM, "images of the program");
	if (access(path, F_OK) < 0)
		return 0;
	return image_import(s, path, &(struct import_options){ .name = name, .replace = true }, &got, err) < 0 ? -1 : 1;
}
