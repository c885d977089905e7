#include "rule.h"

#include <stdbool.h>
#include <string.h>

#include "str.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int name_take(const char *text, const char *end, struct rule *out, struct error *err)
{
	const char *stop = end - text > 1 ? memchr(text + 1, text[0], (size_t)(end - text - 1)) : NULL;
	size_t n = stop ? (size_t)(stop - text - 1) : 0;

	if (n == 0 || n > RULE_NAME_MAX)
		return error_set(err, 0, "\"%.60s\": \":NAME:TYPE:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS\" is wanted",
				 text);
	memcpy(out->name, text + 1, n);
	out->name[n] = '\0';
	if (strchr(out->name, '/') || str_eq(out->name, ".") || str_eq(out->name, "..") ||
	    str_eq(out->name, "register") || str_eq(out->name, "status"))
		return error_set(err, 0, "%s: not a name of a rule", out->name);
	return 0;
}

int rule_parse(const char *line, size_t n, struct rule *out, struct error *err)
{
	const char *end = line + n;

	while (line < end && is_blank(*line))
		line++;
	while (line < end && is_blank(end[-1]))
		end--;
	if (line == end || *line == '#' || *line == ';')
		return 0;
	out->len = (size_t)(end - line);
	if (out->len > RULE_MAX || memchr(line, '\0', out->len))
		return error_set(err, 0, "a rule has at most %d bytes, and no NUL", RULE_MAX);
	memcpy(out->text, line, out->len);
	out->text[out->len] = '\0';
	return name_take(out->text, out->text + out->len, out, err) < 0 ? -1 : 1;
}
