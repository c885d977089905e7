#include "sink.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tree.h"

int path_join(char out[SINK_PATH_MAX], const char *dir, const char *name, struct error *err)
{
	if (!*name)
		return error_set(err, 0, "it has no name");
	if (name[0] == '/')
		return error_set(err, 0, "its name is absolute");
	for (const char *p = name;;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return error_set(err, 0, "its name leads out of the folder");
		if (n == 0 || (n == 1 && p[0] == '.') || n > NAME_MAX)
			return error_set(err, 0, "its name has a component that no file can have");
		if (!p[n])
			break;
		p += n + 1;
	}
	if (!*dir && str_starts(name, TREE_OWN))
		return error_set(err, 0, "names that begin with " TREE_OWN " are the program's own");
	if (snprintf(out, SINK_PATH_MAX, "%s%s%s", dir, *dir ? "/" : "", name) >= SINK_PATH_MAX)
		return error_set(err, 0, "its name is too long");
	return 0;
}

int mode_parse(const char *text, mode_t *out, struct error *err)
{
	size_t n = strlen(text);

	if (n == 0 || n > 11 || strspn(text, "01234567") != n)
		return error_set(err, 0, "\"%.20s\" is no permission: octal digits are wanted, as in \"0644\"", text);
	*out = (mode_t)strtoul(text, NULL, 8) & 0777;
	return 0;
}
