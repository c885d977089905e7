/* Paths of a tree: relative to its root, name by name. */
#include <errno.h>
#include <string.h>

#include "tree_private.h"

int path_next(const char **p, const char **name, size_t *len)
{
	const char *s = *p;

	for (;;) {
		size_t n;

		while (*s == '/')
			s++;
		if (!*s)
			return 0;
		n = strcspn(s, "/");
		*p = s + n;
		if (n == 1 && s[0] == '.') {
			s += n;
			continue;
		}
		if (n > TREE_NAME_MAX || (n == 2 && s[0] == '.' && s[1] == '.'))
			return -1;
		*name = s;
		*len = n;
		return 1;
	}
}

int path_check(const char *path, struct error *err)
{
	const char *p = path, *name;
	size_t len;
	int r;

	if (path[0] == '/')
		return error_say(err, EINVAL, "%.200s: absolute path", path);
	if (strlen(path) > TREE_PATH_MAX)
		return error_say(err, EINVAL, "%.200s...: path of more than %d bytes", path, TREE_PATH_MAX);
	while ((r = path_next(&p, &name, &len)) > 0)
		;
	if (r < 0)
		return error_say(err, EINVAL, "%.200s: %s", path,
				 strstr(path, "..") ? "path with .. in it" : "name of more than 255 bytes");
	return 0;
}
