/* Which distribution a root is. */
#include <ctype.h>

#include "stanza_private.h"

/* The letters that the manual page gives to both values. */
static bool value_good(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.at[i]) && !memchr("._-", s.at[i], 3))
			return false;
	return s.len > 0 && s.len < 64;
}

void os_release_parse(const char *text, size_t n, struct slice *id, struct slice *version)
{
	struct slice rest = { text, n }, line;

	*id = *version = (struct slice){ "", 0 };
	while (line_next(&rest, &line)) {
		const char *equals = memchr(line.at, '=', line.len);
		struct slice key = { line.at, equals ? (size_t)(equals - line.at) : 0 }, value;

		if (!equals)
			continue;
		value = slice_trim((struct slice){ equals + 1, line.len - key.len - 1 });
		if (value.len > 1 && (value.at[0] == '"' || value.at[0] == '\'') &&
		    value.at[value.len - 1] == value.at[0]) {
			value.at++;
			value.len -= 2;
		}
		if (!value_good(value))
			continue;
		if (slice_is(key, "ID"))
			*id = value;
		else if (slice_is(key, "VERSION_ID"))
			*version = value;
	}
}
