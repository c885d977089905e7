/* Numbers of a tar header: octal digits, or GNU's base 256 for what octal digits cannot hold. */
#include <errno.h>

#include "tar_private.h"

/* GNU: the first bit set means two's complement in the other bits, big-endian. */
static int base256_parse(const uint8_t *p, size_t n, int64_t *out)
{
	uint64_t v = p[0] & 0x40 ? UINT64_MAX : 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte = i == 0 ? (uint8_t)((p[0] & 0x40 ? 0x80 : 0) | (p[0] & 0x7f)) : p[i];
		uint64_t top = v >> 55; /* what the shift would push out, and the new sign */

		if (top != 0 && top != 0x1ff)
			return -1;
		v = v << 8 | byte;
	}
	*out = (int64_t)v;
	return 0;
}

int tar_octal(const uint8_t *p, size_t n, int64_t *out)
{
	size_t i = 0;
	uint64_t v = 0;

	while (i < n && (p[i] == ' ' || p[i] == 0))
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	for (; i < n; i++)
		if (p[i] != ' ' && p[i] != 0)
			return -1;
	*out = (int64_t)v;
	return 0;
}

int tar_number(const uint8_t *block, const struct number_field *f, int64_t *out, struct error *err)
{
	const uint8_t *p = block + f->at;
	int r = p[0] & 0x80 ? base256_parse(p, f->len, out) : tar_octal(p, f->len, out);

	if (r < 0 || *out < f->min || *out > f->max)
		return error_say(err, EINVAL, "tar header: bad %s", f->name);
	return 0;
}
