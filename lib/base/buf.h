/* A growable byte buffer with a read position: bytes are appended at the end and consumed from the front.
 * Zero-initialised is empty and valid. A NUL always follows the last byte once anything was appended, so that
 * text can be used as a string. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct buf {
	uint8_t *data; /* allocation */
	size_t start;  /* first unread byte */
	size_t len;    /* unread bytes */
	size_t cap;    /* allocated bytes */
};

#define _cleanup_buf_ _cleanup_(buf_free)

void buf_free(struct buf *b);

/* Unread bytes; valid until the next call that changes the buffer. */
static inline uint8_t *buf_bytes(const struct buf *b)
{
	return b->data + b->start;
}
/* The same as text; "" when nothing was ever appended. */
const char *buf_text(const struct buf *b);

/* Makes room for n bytes after the unread ones and returns where they go; NULL with ENOMEM in errno.
 * buf_commit() then counts those written. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* 0, or -1 with errno ENOMEM. */
int buf_add(struct buf *b, const void *data, size_t n);
int buf_addstr(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Drops n bytes (at most all) from the front. */
void buf_consume(struct buf *b, size_t n);
static inline void buf_clear(struct buf *b)
{
	buf_consume(b, b->len);
}
/* Drops what is behind the first n bytes. */
static inline void buf_truncate(struct buf *b, size_t n)
{
	if (n >= b->len)
		return;
	b->len = n;
	b->data[b->start + n] = '\0';
}

/* Takes the text out; the caller frees it, the buffer is empty afterwards. NULL without memory. */
char *buf_steal_text(struct buf *b);
