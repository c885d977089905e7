#include "str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

__attribute__((format(printf, 1, 0))) static char *str_vformat(const char *fmt, va_list ap)
{
	char *s = NULL;

	return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

char *str_format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = str_vformat(fmt, ap);
	va_end(ap);
	return s;
}

/* The length of a well-formed character of UTF-8 (RFC 3629) and its number; 0 for anything else. */
static size_t utf8_char(const unsigned char *s, size_t n, uint32_t *c)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (len == 0 || len > n)
		return 0;
	*c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3fu);
	}
	if ((len == 3 && *c < 0x800) || (len == 4 && (*c < 0x10000 || *c > 0x10ffff)) || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return len;
}

size_t str_shown(const char *s, size_t n)
{
	uint32_t c = 0;
	size_t len = utf8_char((const unsigned char *)s, n, &c);

	if (c < 0x20 || (c >= 0x7f && c < 0xa0)) /* control characters, also those of eight bits */
		return 0;
	if (c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return 0;
	return len;
}

size_t str_escape_to(char *out, size_t size, const char *s, size_t n)
{
	static const char letters[] = "\n\t\r", names[] = "ntr";
	size_t at = 0, i = 0;

	while (i < n) {
		size_t len = str_shown(s + i, n - i), room = len;
		const char *letter = s[i] ? strchr(letters, s[i]) : NULL;
		char escape[5];

		if (!len)
			room = (size_t)(letter ? snprintf(escape, sizeof(escape), "\\%c", names[letter - letters])
					       : snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)s[i]));
		if (at + room + 1 > size)
			break;
		memcpy(out + at, len ? s + i : escape, room);
		at += room;
		i += len ? len : 1;
	}
	if (size)
		out[at] = '\0';
	return at;
}

char *str_escape(const char *s)
{
	size_t n = strlen(s);
	char *out = malloc(4 * n + 1);

	if (out)
		str_escape_to(out, 4 * n + 1, s, n);
	return out;
}

/* Reads digits from *s, which moves past them. */
static int digits_count(const char **s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = *s;

	if (*p < '0' || *p > '9') {
		errno = EINVAL;
		return -1;
	}
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v) || v > max) {
			errno = ERANGE;
			return -1;
		}
	}
	*s = p;
	*out = v;
	return 0;
}

int str_to_u64(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (digits_count(&s, max, &v) < 0)
		return -1;
	if (*s != '\0') {
		errno = EINVAL;
		return -1;
	}
	*out = v;
	return 0;
}

int str_to_size(const char *s, uint64_t unit, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	uint64_t v;

	if (digits_count(&s, UINT64_MAX, &v) < 0)
		return -1;
	if (*s != '\0') {
		const char *p = strchr(suffixes, *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);

		if (!p || (s[1] != '\0' && !str_eq(s + 1, "B") && !str_eq(s + 1, "iB"))) {
			errno = EINVAL;
			return -1;
		}
		unit = 1ULL << (10 * (p - suffixes + 1));
	}
	if (__builtin_mul_overflow(v, unit, &v)) {
		errno = ERANGE;
		return -1;
	}
	*out = v;
	return 0;
}

size_t str_distance(const char *a, const char *b, size_t limit)
{
	size_t n = strlen(a), m = strlen(b), row[64], i, j;

	if (n > m + limit || m > n + limit || m >= array_len(row))
		return limit + 1;
	for (j = 0; j <= m; j++)
		row[j] = j;
	for (i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= m; j++) {
			size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[m] > limit ? limit + 1 : row[m];
}

void strv_free(char **v)
{
	char **p;

	if (!v)
		return;
	for (p = v; *p; p++)
		free(*p);
	free(v);
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

bool strv_has(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (str_eq(*v, s))
			return true;
	return false;
}

int strv_take(char ***v, char *s)
{
	size_t n = strv_len(*v);
	char **grown;

	if (!s) {
		errno = ENOMEM;
		return -1;
	}
	/* Doubling at powers of two keeps long vectors linear without a stored capacity. */
	if (!*v || (n & (n + 1)) == 0) {
		grown = realloc(*v, sizeof(char *) * 2 * (n + 1));
		if (!grown) {
			free(s);
			return -1;
		}
		*v = grown;
	}
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
	return 0;
}

int strv_add(char ***v, const char *s)
{
	return strv_take(v, strdup(s));
}

int strv_addf(char ***v, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = str_vformat(fmt, ap);
	va_end(ap);
	return strv_take(v, s);
}

char **strv_copy(char *const *v)
{
	char **copy = calloc(1, sizeof(char *));

	if (!copy)
		return NULL;
	for (; v && *v; v++) {
		if (strv_add(&copy, *v) < 0) {
			strv_free(copy);
			return NULL;
		}
	}
	return copy;
}

char **strv_split(const char *s, const char *separators)
{
	_cleanup_strv_ char **v = calloc(1, sizeof(char *));

	if (!v)
		return NULL;
	while (*(s += strspn(s, separators))) {
		size_t n = strcspn(s, separators);

		if (strv_take(&v, strndup(s, n)) < 0)
			return NULL;
		s += n;
	}
	return steal_ptr(&v);
}

char *strv_join(char *const *v, const char *separator)
{
	size_t n = 1, sep = strlen(separator);
	char *const *p;
	char *s, *w;

	for (p = v; p && *p; p++)
		n += strlen(*p) + sep;
	s = malloc(n);
	if (!s)
		return NULL;
	w = s;
	for (p = v; p && *p; p++) {
		if (p != v)
			w = mempcpy(w, separator, sep);
		w = mempcpy(w, *p, strlen(*p));
	}
	*w = '\0';
	return s;
}

static int word_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **v)
{
	qsort(v, strv_len(v), sizeof(*v), word_compare);
}
