#include "paths.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "io.h"
#include "str.h"

/* A base directory (XDG Base Directory Specification): the variable, or the folder of the user's home, else `other`.
 * The specification says: a relative path in the variable is invalid and is ignored. */
static char *base_path(const char *variable, const char *home_folder, const char *other, const char *sub,
		       struct error *err)
{
	const char *xdg = getenv(variable), *home = getenv("HOME");
	char *path;

	if (xdg && xdg[0] == '/')
		path = str_format("%s/%s", xdg, sub);
	else if (home && home[0] == '/')
		path = str_format("%s/%s/%s", home, home_folder, sub);
	else
		path = str_format("%s/%s", other, sub);
	if (!path)
		error_set(err, ENOMEM, "%s", sub);
	return path;
}

char *path_cache(const char *sub, struct error *err)
{
	_cleanup_free_ char *dir = base_path("XDG_CACHE_HOME", ".cache", "/var/cache", "pith", err);
	_cleanup_free_ char *path = dir ? str_format("%s/%s", dir, sub) : NULL;

	if (dir && !path)
		error_set(err, ENOMEM, "cache directory");
	if (!path)
		return NULL;
	*strrchr(path, '/') = '\0';
	if (dir_make(path, 0755, err) < 0)
		return NULL;
	path[strlen(path)] = '/';
	return steal_ptr(&path);
}

char *path_machines(struct error *err)
{
	return base_path("XDG_DATA_HOME", ".local/share", "/var/lib", "pith/machines", err);
}

char *path_config(const char *sub, struct error *err)
{
	return base_path("XDG_CONFIG_HOME", ".config", "/etc", sub, err);
}

char *path_shared(const char *sub, struct error *err)
{
	char program[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *path;

	program[n < 0 ? 0 : n] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(program, '/');
		if (!slash) {
			error_set(err, ENOENT, "the program's folder");
			return NULL;
		}
		*slash = '\0';
	}
	path = str_format("%s/share/pith/%s", program, sub);
	if (!path)
		error_set(err, ENOMEM, "%s", sub);
	return path;
}
