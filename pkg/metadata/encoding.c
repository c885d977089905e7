#include "encoding.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

static int digit_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

int base64_decode(const char *text, size_t n, struct buf *out, struct error *err)
{
	uint32_t bits = 0;
	unsigned have = 0, padding = 0;
	uint8_t *to = buf_reserve(out, n / 4 * 3 + 3);
	size_t len = 0, i;

	if (!to)
		return error_set(err, ENOMEM, "base64");
	for (i = 0; i < n; i++) {
		int v = digit_value(text[i]);

		if (is_blank(text[i]))
			continue;
		if (text[i] == '=' && ++padding <= 2)
			continue;
		if (v < 0 || padding > 0)
			return error_set(err, 0, "it is no base64: byte %zu", i);
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			to[len++] = (uint8_t)(bits >> have);
		}
	}
	if (have >= 6)
		return error_set(err, 0, "it is no base64: a digit is missing");
	buf_commit(out, len);
	return 0;
}

int gzip_unpack(const void *data, size_t n, size_t max, struct buf *out, struct error *err)
{
	enum { STEP = 64 * 1024, GZIP_ONLY = 16 };
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)n };
	size_t start = out->len;
	int r = n > UINT32_MAX ? Z_DATA_ERROR : inflateInit2(&z, MAX_WBITS + GZIP_ONLY);

	if (r != Z_OK)
		return error_set(err, r == Z_MEM_ERROR ? ENOMEM : EFBIG, "gzip");
	while (r == Z_OK && out->len - start <= max) {
		uint8_t *to = buf_reserve(out, STEP);

		if (!to)
			break;
		z.next_out = to;
		z.avail_out = STEP;
		r = inflate(&z, Z_NO_FLUSH);
		buf_commit(out, STEP - z.avail_out);
	}
	inflateEnd(&z);
	if (out->len - start > max)
		return error_say(err, EFBIG, "unpacked it has more than %zu bytes", max);
	if (r == Z_OK)
		return error_set(err, ENOMEM, "gzip");
	return r == Z_STREAM_END ? 0 : error_set(err, 0, "it is no gzip, or a part of it is missing");
}
