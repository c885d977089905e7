/* Fields of HTTP/1 heads (RFC 9110, 5; RFC 9112, 5 and 6), the same in the requests that a server reads
 * (http_request.h) and in the answers that a client reads (http.h). No input or output here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* A slice of bytes that somebody else keeps. */
struct http_text {
	const char *at;
	size_t len;
};

bool http_text_is(const struct http_text *text, const char *want);
/* Names of fields, and most words in values, have no case. */
bool http_text_is_word(const struct http_text *text, const char *want);
/* The next line without its end (a newline, or CR and newline), which is taken off the rest; false after the last. */
bool http_line_next(struct http_text *rest, struct http_text *line);
/* What stands before the first `c`, which is taken off, too; false: there is none. */
bool http_text_cut(struct http_text *text, char c, struct http_text *out);
struct http_text http_text_trim(struct http_text t);
bool http_token_valid(const struct http_text *t);
/* No character that ends a line or a string for somebody else. */
bool http_text_valid(const struct http_text *t);

/* "NAME: VALUE", the value without the blanks around it. -1: the line is none. */
int http_field_split(struct http_text line, struct http_text *name, struct http_text *value);

/* How long a body is, by the fields of its head. Zero-initialise. */
struct http_framing {
	bool has_length, chunked;
	uint64_t length; /* at most INT64_MAX */
};

/* Takes what one field says of it; most say nothing. Refuses a length that is no number or is there twice with two
 * values, and every transfer coding but "chunked", once. */
int http_framing_take(struct http_framing *f, const struct http_text *name, const struct http_text *value,
		      struct error *err);
