/* Overlays of so many layers that their options do not fit into mount(2)'s page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount_private.h"
#include "rootfs.h"

/* Shortens *n to what of `common` this path begins with. */
static void common_with(const char *common, size_t *n, const char *path, size_t len)
{
	size_t i = 0;

	while (i < *n && i < len && common[i] == path[i])
		i++;
	while (i > 0 && common[i - 1] != '/')
		i--;
	*n = i;
}

/* The options' paths without their first `cut` bytes each. */
static int options_cut(char *const *options, size_t cut, char ***out)
{
	for (char *const *o = options; *o; o++) {
		const char *paths = overlay_paths(*o);
		_cleanup_strv_ char **parts = NULL;
		_cleanup_free_ char *joined = NULL;

		if (!paths) {
			if (strv_add(out, *o) < 0)
				return -1;
			continue;
		}
		parts = strv_split(paths, ":");
		for (char **p = parts; p && *p; p++)
			memmove(*p, *p + cut, strlen(*p + cut) + 1);
		joined = parts ? strv_join(parts, ":") : NULL;
		if (!joined || strv_addf(out, "%.*s%s", (int)(paths - *o), *o, joined) < 0)
			return -1;
	}
	return 0;
}

int rootfs_compact(char *const *options, char **dir, char ***shorter, struct error *err)
{
	_cleanup_strv_ char **cut = NULL;
	const char *common = NULL;
	size_t n = 0;

	*dir = NULL;
	*shorter = NULL;
	for (char *const *o = options; *o; o++) {
		const char *path = overlay_paths(*o);

		while (path && *path) {
			size_t len = strcspn(path, ":");

			if (!common) {
				common = path;
				n = len;
			}
			common_with(common, &n, path, len);
			path += len + (path[len] == ':');
		}
	}
	/* A path with an escaped colon cannot be told from two. */
	for (char *const *o = options; *o; o++)
		if (overlay_paths(*o) && strchr(*o, '\\'))
			n = 0;
	if (n <= 1)
		return 0;
	*dir = strndup(common, n);
	if (!*dir || options_cut(options, n, &cut) < 0) {
		free(*dir);
		*dir = NULL;
		return error_set(err, ENOMEM, "mount options");
	}
	*shorter = steal_ptr(&cut);
	return 0;
}
