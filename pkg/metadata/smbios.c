#include "smbios.h"

#include <stdint.h>
#include <string.h>

enum {
	TYPE_SYSTEM = 1,
	TYPE_END = 127,
	HEADER = 4,
	SERIAL_AT = 7, /* the number of a string, from 1; 0: none */
};

/* String `number` of those from `at` to `end`, and where they end. */
static const char *string_find(const char *at, const char *end, unsigned number, const char **behind)
{
	const char *found = NULL;

	/* without strings there are two NULs as well */
	if (end - at >= 2 && !at[0] && !at[1]) {
		*behind = at + 2;
		return NULL;
	}
	for (unsigned i = 1; at < end && *at; i++) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul)
			break;
		if (i == number)
			found = at;
		at = nul + 1;
	}
	*behind = at < end ? at + 1 : end;
	return found;
}

char *smbios_serial(const void *table, size_t n)
{
	const char *at = table, *end = at + n;

	while (end - at >= HEADER) {
		const uint8_t *s = (const uint8_t *)at;
		unsigned type = s[0], size = s[1], number = 0;
		const char *text;

		if (size < HEADER || size > end - at)
			return NULL;
		if (type == TYPE_SYSTEM && size > SERIAL_AT)
			number = s[SERIAL_AT];
		text = string_find(at + size, end, number, &at);
		if (type == TYPE_SYSTEM)
			return text ? strdup(text) : NULL;
		if (type == TYPE_END)
			return NULL;
	}
	return NULL;
}
