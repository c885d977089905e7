/* UUIDs as text (RFC 9562) and as 16 bytes in the order of the text. A header alone, since PID 1 links nothing of lib/.
 */
#pragma once

#include <stdint.h>

enum { UUID_TEXT = 37 }; /* with its NUL */

static inline int uuid_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "70697468-0000-4000-8000-000000000000", lower case, from the text's first bytes; what follows is the caller's to look
 * at. 0, or -1: it is no UUID. */
static inline int uuid_parse(const char *text, uint8_t out[16])
{
	unsigned n = 0;

	for (int i = 0; i < UUID_TEXT - 1; i++) {
		int value = uuid_digit(text[i]);

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -1;
			continue;
		}
		if (value < 0)
			return -1;
		out[n / 2] = (uint8_t)(n % 2 ? out[n / 2] | value : value << 4);
		n++;
	}
	return 0;
}

static inline void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT])
{
	char *to = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = "0123456789abcdef"[uuid[i] >> 4];
		*to++ = "0123456789abcdef"[uuid[i] & 15];
	}
	*to = '\0';
}
