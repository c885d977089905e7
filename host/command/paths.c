#include "paths.h"

#include <errno.h>

#include "io.h"
#include "str.h"

char *path_cache(const char *sub, struct error *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	_cleanup_free_ char *dir = NULL;
	char *path;

	/* The specification says: a relative path there is invalid and is ignored. */
	if (xdg && xdg[0] == '/')
		dir = str_format("%s/pith", xdg);
	else if (home && home[0] == '/')
		dir = str_format("%s/.cache/pith", home);
	else
		dir = strdup("/var/cache/pith");
	path = dir ? str_format("%s/%s", dir, sub) : NULL;
	if (!path) {
		error_set(err, ENOMEM, "cache directory");
		return NULL;
	}
	*strrchr(path, '/') = '\0';
	if (dir_make(path, 0755, err) < 0) {
		free(path);
		return NULL;
	}
	path[strlen(path)] = '/';
	return path;
}
