#include "base64.h"

#include <errno.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(const void *bytes, size_t n, struct buf *out)
{
	const uint8_t *p = bytes;
	size_t i;

	for (i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		char four[4];

		if (i + 1 < n)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		four[0] = alphabet[v >> 18];
		four[1] = alphabet[v >> 12 & 63];
		four[2] = i + 1 < n ? alphabet[v >> 6 & 63] : '=';
		four[3] = i + 2 < n ? alphabet[v & 63] : '=';
		if (buf_add(out, four, sizeof(four)) < 0)
			return -1;
	}
	return 0;
}

int base64_decode(const char *text, size_t n, struct buf *out)
{
	uint32_t v = 0;
	unsigned bits = 0;
	size_t i, padding = 0;

	while (n > 0 && padding < 2 && text[n - 1] == '=') {
		n--;
		padding++;
	}
	if (n % 4 == 1 || (padding > 0 && (n + padding) % 4 != 0)) {
		errno = EINVAL;
		return -1;
	}
	for (i = 0; i < n; i++) {
		const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
		uint8_t byte;

		if (!at) {
			errno = EINVAL;
			return -1;
		}
		v = v << 6 | (uint32_t)(at - alphabet);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		byte = (uint8_t)(v >> bits);
		if (buf_add(out, &byte, 1) < 0)
			return -1;
	}
	return 0;
}
