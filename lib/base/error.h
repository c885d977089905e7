/* Errors with context. A function that can fail takes a `struct error *` last, returns 0 or a value on
 * success and -1 on failure, and has then filled it. Callers add what they were doing with error_wrap().
 * Only a program's main file prints one. The pointer may be NULL where a caller does not want to know. */
#pragma once

#include "cleanup.h"

struct error {
	int code;  /* an errno value, or 0 where none fits */
	char *msg; /* one line without a newline; NULL: no error, or no memory left for a message */
};

#define _cleanup_error_ _cleanup_(error_clear)

/* Fills err (whatever it held is freed) and returns -1. code: errno value, 0 for none; with a code,
 * ": " and strerror(code) follow the text. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same without strerror(code): the text says it all, the code is for callers that look at it. */
int error_say(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "text: " in front of the message; the code stays. Returns -1. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The message, or a fallback made from the code; never NULL, owned by err or static. */
const char *error_text(const struct error *err);

/* Frees the message; err can be used again. */
void error_clear(struct error *err);

/* Hands the error from one holder to another (freeing what the target held). Returns -1. */
int error_move(struct error *to, struct error *from);
