/* Reads JSON text (RFC 8259) without building a tree: a value is a slice of the text, and finding one is walking over
 * those before it. For programs that want a few fields of a document that may be large, and must stay small. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { JSONR_DEPTH = 128 };

enum jsonr_type {
	JSONR_NONE, /* a zero-initialised value: not there */
	JSONR_OBJECT,
	JSONR_ARRAY,
	JSONR_STRING,
	JSONR_NUMBER,
	JSONR_TRUE,
	JSONR_FALSE,
	JSONR_NULL,
};

struct jsonr {
	enum jsonr_type type;
	const char *start; /* inside the text, which has to stay; a string starts at its quotation mark */
	size_t len;
};

/* Checks the whole text (one value, at most JSONR_DEPTH deep) before anything is read from it; the functions below
 * then trust their values, which must come from here. The error says at which byte. */
int jsonr_parse(const char *text, size_t n, struct jsonr *out, struct error *err);
/* The same for text with more values behind the first (blanks between): *rest is where the next one may start.
 * 1: a value; 0: only blanks were left. */
int jsonr_parse_next(const char *text, size_t n, struct jsonr *out, const char **rest, struct error *err);

/* Members of an object, elements of an array: `next` false after the last. */
struct jsonr_iter {
	const char *at, *end;
};

/* A value that is neither object nor array has no members. */
struct jsonr_iter jsonr_iter(const struct jsonr *container);
bool jsonr_member(struct jsonr_iter *it, struct jsonr *key, struct jsonr *value);
bool jsonr_element(struct jsonr_iter *it, struct jsonr *value);

/* Value of the member, the last one where the name is there twice; JSONR_NONE when it is not there or null, and when
 * `object` is no object. Names are compared as text (escapes resolved). */
struct jsonr jsonr_get(const struct jsonr *object, const char *key);

/* Whether the value is a string with this text. */
bool jsonr_is(const struct jsonr *value, const char *text);
/* A string's text as UTF-8, with U+FFFD for lone surrogates. NULL (EINVAL) when the value is no string or holds a NUL,
 * NULL (ENOMEM) without memory. Caller frees. */
char *jsonr_text(const struct jsonr *value);
/* The same where it may hold NULs: its length goes into *n, and a NUL follows it. */
char *jsonr_bytes(const struct jsonr *value, size_t *n);
/* A number without sign, fraction and exponent. -1 with errno EINVAL or ERANGE. */
int jsonr_u64(const struct jsonr *value, uint64_t *out);
