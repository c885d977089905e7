#include "memory_line.h"

#include "jsonr.h"
#include "str.h"

int memory_line_parse(const char *line, size_t n, const char *name, struct buf *out)
{
	struct jsonr doc, v;
	_cleanup_free_ char *source = NULL, *msg = NULL;
	size_t length = strlen(name);

	if (jsonr_parse(line, n, &doc, NULL) < 0)
		return 0;
	v = jsonr_get(&doc, "source");
	source = jsonr_text(&v);
	v = jsonr_get(&doc, "msg");
	msg = jsonr_text(&v);
	if (source && msg && strncmp(source, name, length) == 0 && (!source[length] || str_eq(source + length, ".out")))
		return buf_addf(out, "%s\n", msg);
	return 0;
}
