/* Writes JSON text piece by piece, indented or in one line, also integers of 64 bits without a sign, which tree
 * libraries lack. Failures (no memory) are remembered: check jsonw_done() once at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { JSONW_DEPTH = 32 };

struct jsonw {
	struct buf *out; /* the caller's */
	bool compact;    /* set by the caller: one line, no blanks */
	bool failed;
	unsigned depth;
	struct {
		char close;
		bool filled;
	} stack[JSONW_DEPTH];
};

/* key: NULL for the top value and for elements of lists. */
void jsonw_object(struct jsonw *w, const char *key);
void jsonw_list(struct jsonw *w, const char *key);
/* Closes the innermost object or list. */
void jsonw_end(struct jsonw *w);

/* Bytes that are not UTF-8 become U+FFFD. */
void jsonw_text(struct jsonw *w, const char *key, const char *s, size_t n);
void jsonw_string(struct jsonw *w, const char *key, const char *s);
void jsonw_int(struct jsonw *w, const char *key, int64_t v);
void jsonw_uint(struct jsonw *w, const char *key, uint64_t v);
void jsonw_bool(struct jsonw *w, const char *key, bool v);
void jsonw_null(struct jsonw *w, const char *key);
/* JSON text as it is: the caller vouches for it. */
void jsonw_raw(struct jsonw *w, const char *key, const char *text, size_t n);
/* A list of strings; NULL is an empty one. */
void jsonw_strings(struct jsonw *w, const char *key, char *const *v);

/* 0 when everything was written and closed, else -1. */
int jsonw_done(const struct jsonw *w);

/* Length of the UTF-8 character at s (n > 0 bytes are there), 0 where it is not well-formed. */
size_t utf8_char(const char *s, size_t n);
