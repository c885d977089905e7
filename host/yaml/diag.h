/* What is wrong with an input file, said the way a compiler says it: collected, sorted by position and printed at once.
 *
 *   file.yml:12:7: error: services[0] "web": unknown capability "CAP_FOO"
 *      12 |       - CAP_FOO
 *         |         ^~~~~~~
 *         = did you mean "CAP_FOWNER"? */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

/* A file as it was read. */
struct text_file {
	struct text_file *next;
	char *name; /* as in messages */
	char *text;
	size_t len;
	size_t number; /* order of reading */
};

/* Lines and columns (characters, not bytes) count from 1; line 0: the file as a whole. width: characters to
 * underline. */
struct position {
	const struct text_file *file;
	uint32_t line, column, width;
};

enum severity {
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_NOTE, /* nothing is wrong, but a reader would not expect it */
};

/* The way to a value: services[0] "web": resources.memory.limit. Linked from the value up, on the stack. */
struct where {
	const struct where *up;
	const char *key;   /* NULL: an element of a list */
	size_t index;      /* of the element */
	const char *label; /* the element's name or path, NULL: none */
};

struct diag {
	enum severity severity;
	struct position at;
	size_t order;
	char *where; /* NULL: none */
	char *path;  /* the same for programs: services[0].resources.memory.limit */
	char *message;
	char *hint; /* NULL: none */
};

struct diags {
	struct diag *list;
	size_t count, errors;
	bool strict; /* warnings and notes are errors from here on */
	bool quiet;  /* notes are not wanted */
};

#define _cleanup_diags_ _cleanup_(diags_free)
void diags_free(struct diags *d);

/* Adds one. where may be NULL. After 100 errors further ones are only counted. */
void diag_error(struct diags *d, struct position at, const struct where *where, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void diag_warning(struct diags *d, struct position at, const struct where *where, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void diag_note(struct diags *d, struct position at, const struct where *where, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Says what to do about the one added last. */
void diag_hint(struct diags *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Offers the nearest of the names (at most two letters off, or different only in upper and lower case). name(i, data)
 * returns the i-th, NULL behind the last. */
void diag_suggest(struct diags *d, const char *text, const char *(*name)(size_t i, const void *data), const void *data);

/* `services[0] "web": resources`: the text in front of messages, or with program the path for programs. Caller frees.
 */
char *where_text(const struct where *where, bool program);

/* Prints all, sorted; color: with terminal colours. */
void diags_print(struct diags *d, FILE *to, bool color);
/* A JSON array of {file, line, column, width, severity, path, message, hint}, a line each. */
void diags_print_json(struct diags *d, FILE *to);
