#include "sysctl.h"

#include <ctype.h>
#include <string.h>

#include "str.h"

static void sysctl_trim(const char **s, const char **end)
{
	while (*s < *end && isspace((unsigned char)**s))
		++*s;
	while (*s < *end && isspace((unsigned char)(*end)[-1]))
		--*end;
}

static int sysctl_copy(const char *s, const char *end, char *out, size_t size)
{
	size_t n = (size_t)(end - s);

	if (n >= size || memchr(s, '\0', n))
		return -1;
	memcpy(out, s, n);
	out[n] = '\0';
	return 0;
}

/* Dots become slashes, and slashes dots, unless the first of the two in the name is a slash. */
static void to_path(char *name)
{
	size_t first = strcspn(name, "./");

	if (name[first] != '.')
		return;
	for (; *name; name++)
		*name = *name == '.' ? '/' : *name == '/' ? '.' : *name;
}

int sysctl_parse(const char *line, size_t n, char *path, size_t path_size, char *value, size_t value_size,
		 int *optional, struct error *err)
{
	const char *end = line + n, *equals, *name_end;

	sysctl_trim(&line, &end);
	*optional = 0;
	if (line == end || *line == '#' || *line == ';')
		return 0;
	equals = memchr(line, '=', (size_t)(end - line));
	if (!equals)
		return error_set(err, 0, "no '=' in \"%.*s\"", (int)(end - line > 100 ? 100 : end - line), line);
	if (*line == '-') {
		*optional = 1;
		line++;
	}
	name_end = equals++;
	sysctl_trim(&line, &name_end);
	sysctl_trim(&equals, &end);
	if (line == name_end || sysctl_copy(line, name_end, path, path_size) < 0)
		return error_set(err, 0, "no usable name in front of '='");
	if (sysctl_copy(equals, end, value, value_size) < 0)
		return error_set(err, 0, "%s: the value is too long", path);
	to_path(path);
	if (strstr(path, "..") || strstr(path, "//") || path[0] == '/' || path[strlen(path) - 1] == '/')
		return error_set(err, 0, "%s: not a name of a setting", path);
	return 1;
}
