#include "control.h"

#include <string.h>

/* The next NUL-terminated word; NULL at the end. */
static const char *word_next(const char **at, const char *end)
{
	const char *word = *at;

	if (word == end)
		return NULL;
	*at = word + strlen(word) + 1;
	return word;
}

static const char *name_check(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (!name || !*name)
		return "no name";
	if (strlen(name) > INITCTL_NAME)
		return "name too long";
	return name[strspn(name, allowed)] ? "name has other characters than letters, digits, '.', '_' and '-'" : NULL;
}

static const char *grace_parse(const char *s, uint32_t *out)
{
	uint32_t v = 0;

	if (!s || !*s || strlen(s) > 5)
		return "bad grace period";
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return "bad grace period";
		v = v * 10 + (uint32_t)(*s - '0');
	}
	*out = v;
	return NULL;
}

static const char *respawn_parse(const char *at, const char *end, struct control_request *out)
{
	const char *wrong = grace_parse(word_next(&at, end), &out->grace), *word;
	size_t n = 0;

	if (wrong)
		return wrong;
	while ((word = word_next(&at, end))) {
		if (n == INITCTL_ARGS)
			return "too many arguments";
		out->argv[n++] = word;
	}
	if (n == 0 || out->argv[0][0] != '/')
		return "the program's path must be absolute";
	return NULL;
}

const char *control_parse(const char *message, size_t size, struct control_request *out)
{
	const char *at = message, *end = message + size, *verb, *wrong;

	*out = (struct control_request){ 0 };
	if (size == 0 || size > INITCTL_MESSAGE || end[-1] != '\0')
		return "malformed message";
	verb = word_next(&at, end);
	if (strcmp(verb, "list") == 0) {
		out->verb = CONTROL_LIST;
		return at == end ? NULL : "list takes no argument";
	}
	out->name = word_next(&at, end);
	wrong = name_check(out->name);
	if (wrong)
		return wrong;
	if (strcmp(verb, "stop") == 0) {
		out->verb = CONTROL_STOP;
		return at == end ? NULL : "stop takes one argument";
	}
	if (strcmp(verb, "respawn") != 0)
		return "unknown request";
	out->verb = CONTROL_RESPAWN;
	return respawn_parse(at, end, out);
}
