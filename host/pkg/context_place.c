/* Paths in a folder that others filled. */
#include "context_place.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "str.h"

char *context_place(const char *root, const char *path, const char *field, struct error *err)
{
	_cleanup_strv_ char **parts = strv_split(path, "/");
	_cleanup_free_ char *at = strdup(root);
	struct stat st;
	size_t i;

	for (i = 0; parts && at && parts[i]; i++) {
		char *next;

		if (str_eq(parts[i], "."))
			continue;
		if (str_eq(parts[i], "..")) {
			error_say(err, EINVAL, "%s: %s leads out of the package's folder", field, path);
			return NULL;
		}
		next = str_format("%s/%s", at, parts[i]);
		free(at);
		at = next;
		if (at && lstat(at, &st) == 0 && S_ISLNK(st.st_mode)) {
			error_say(err, ELOOP, "%s: %s leads through a link of the package", field, path);
			return NULL;
		}
	}
	if (!parts || !at)
		error_set(err, ENOMEM, "%s", path);
	return parts ? steal_ptr(&at) : NULL;
}
