/* Strings and string vectors (NULL-terminated arrays, every string and the array on the heap). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cleanup.h"

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
static inline bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}
bool str_ends(const char *s, const char *suffix);

/* --- what others wrote, for a terminal ---
 * A character that moves the cursor, starts a command of the terminal or turns the writing's direction is written as an
 * escape: \n, \t, \r, \xNN a byte. So are bytes that are no UTF-8. Everything else stays as it is. */

/* The bytes of the character at s (of n bytes, n > 0) that may be shown as it is; 0: it may not. */
size_t str_shown(const char *s, size_t n);
/* Into out, with a NUL; what has no room is left out, an escape never in part. Returns the length. */
size_t str_escape_to(char *out, size_t size, const char *s, size_t n);
/* Into a new string; NULL without memory. */
char *str_escape(const char *s);

/* printf to a new string; NULL without memory. */
char *str_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Decimal digits only (no sign, no blanks), at most max. 0, or -1 with errno EINVAL or ERANGE. */
int str_to_u64(const char *s, uint64_t max, uint64_t *out);

/* Sizes as people write them: a number with K, M, G or T (powers of 1024; "B" or "iB" may follow),
 * or without suffix in units of `unit` bytes. 0, or -1 with errno EINVAL or ERANGE. */
int str_to_size(const char *s, uint64_t unit, uint64_t *out);

/* Levenshtein distance, at most limit + 1: for "did you mean". */
size_t str_distance(const char *a, const char *b, size_t limit);

/* --- vectors --- */
void strv_free(char **v);
static inline void cleanup_strv(char ***v)
{
	strv_free(*v);
}
#define _cleanup_strv_ _cleanup_(cleanup_strv)

size_t strv_len(char *const *v);
bool strv_has(char *const *v, const char *s);
/* Append a copy; *v may be NULL. 0, or -1 with errno ENOMEM and *v unchanged. */
int strv_add(char ***v, const char *s);
int strv_addf(char ***v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append s itself (freed on failure; NULL fails). */
int strv_take(char ***v, char *s);
char **strv_copy(char *const *v);
/* Cut s at every byte of `separators`; empty parts are left out. NULL without memory. */
char **strv_split(const char *s, const char *separators);
char *strv_join(char *const *v, const char *separator);
void strv_sort(char **v);
