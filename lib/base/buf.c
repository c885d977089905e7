#include "buf.h"

#include <errno.h>
#include <string.h>

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

const char *buf_text(const struct buf *b)
{
	return b->data ? (const char *)buf_bytes(b) : "";
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	size_t need, cap;
	uint8_t *data;

	/* One byte more than asked for: the NUL after the text. */
	if (__builtin_add_overflow(b->len, n, &need) || __builtin_add_overflow(need, 1, &need)) {
		errno = ENOMEM;
		return NULL;
	}
	if (b->start + need > b->cap && b->start > 0) {
		memmove(b->data, b->data + b->start, b->len);
		b->start = 0;
	}
	if (need > b->cap) {
		cap = b->cap ? b->cap : 256;
		while (cap < need) {
			if (__builtin_mul_overflow(cap, (size_t)2, &cap)) {
				errno = ENOMEM;
				return NULL;
			}
		}
		data = realloc(b->data, cap);
		if (!data)
			return NULL;
		b->data = data;
		b->cap = cap;
	}
	/* also when nothing is written then, or less than what the caller asks room for */
	b->data[b->start + b->len] = 0;
	return b->data + b->start + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->start + b->len] = 0;
}

int buf_add(struct buf *b, const void *data, size_t n)
{
	uint8_t *p = buf_reserve(b, n);

	if (!p)
		return -1;
	if (n > 0)
		memcpy(p, data, n);
	buf_commit(b, n);
	return 0;
}

int buf_addstr(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	uint8_t *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -1;
	p = buf_reserve(b, (size_t)n);
	if (!p)
		return -1;
	vsnprintf((char *)p, (size_t)n + 1, fmt, ap);
	buf_commit(b, (size_t)n);
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return r;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	b->start += n;
	b->len -= n;
	if (b->len == 0) {
		b->start = 0;
		if (b->data)
			b->data[0] = 0;
	}
}

char *buf_steal_text(struct buf *b)
{
	char *s;

	if (!buf_reserve(b, 0))
		return NULL;
	if (b->start > 0)
		memmove(b->data, b->data + b->start, b->len);
	b->data[b->len] = 0;
	s = (char *)b->data;
	*b = (struct buf){ 0 };
	return s;
}
