#include "memory_line.h"

#include <jansson.h>
#include <string.h>

#include "str.h"

int memory_line_parse(const char *line, size_t n, const char *name, struct buf *out)
{
	json_t *j = json_loadb(line, n, 0, NULL);
	const char *source = json_string_value(json_object_get(j, "source"));
	const char *msg = json_string_value(json_object_get(j, "msg"));
	size_t length = strlen(name);
	int r = 0;

	if (source && msg && strncmp(source, name, length) == 0 && (!source[length] || str_eq(source + length, ".out")))
		r = buf_addf(out, "%s\n", msg);
	json_decref(j);
	return r;
}
