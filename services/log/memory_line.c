#include "memory_line.h"

#include "jsonr.h"
#include "str.h"

int memory_line_parse(const char *line, size_t n, const char *name, struct memory_line *out)
{
	struct jsonr doc, v;
	_cleanup_free_ char *source = NULL;
	size_t length = strlen(name);

	*out = (struct memory_line){ 0 };
	if (jsonr_parse(line, n, &doc, NULL) < 0)
		return 0;
	v = jsonr_get(&doc, "source");
	source = jsonr_text(&v);
	if (!source || strncmp(source, name, length) != 0 || (source[length] && !str_eq(source + length, ".out")))
		return 0;
	v = jsonr_get(&doc, "msg");
	out->msg = jsonr_text(&v);
	v = jsonr_get(&doc, "time");
	out->time = jsonr_text(&v);
	if (out->msg)
		return 1;
	memory_line_clear(out);
	return 0;
}

void memory_line_clear(struct memory_line *l)
{
	free(l->time);
	free(l->msg);
	*l = (struct memory_line){ 0 };
}
