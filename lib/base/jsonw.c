#include "jsonw.h"

#include <string.h>

size_t utf8_char(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len, i;
	uint32_t c;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] < 0xe0)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] < 0xf5)
		len = 4;
	else
		return 0;
	if (n < len)
		return 0;
	c = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	/* overlong forms, surrogates, beyond Unicode */
	if ((len == 3 && c < 0x800) || (len == 4 && (c < 0x10000 || c > 0x10ffff)) || (c >= 0xd800 && c < 0xe000))
		return 0;
	return len;
}

static void jsonw_put(struct jsonw *w, const void *data, size_t n)
{
	if (buf_add(w->out, data, n) < 0)
		w->failed = true;
}

static void puts_(struct jsonw *w, const char *s)
{
	jsonw_put(w, s, strlen(s));
}

static void jsonw_newline(struct jsonw *w)
{
	unsigned i;

	if (w->compact)
		return;
	jsonw_put(w, "\n", 1);
	for (i = 0; i < w->depth; i++)
		jsonw_put(w, "    ", 4);
}

static void put_string(struct jsonw *w, const char *s, size_t n)
{
	size_t i = 0, len;

	jsonw_put(w, "\"", 1);
	while (i < n) {
		unsigned char c = (unsigned char)s[i];

		len = utf8_char(s + i, n - i);
		if (len == 0)
			puts_(w, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			jsonw_put(w, (char[]){ '\\', (char)c }, 2);
		else if (c == '\n')
			puts_(w, "\\n");
		else if (c < 0x20 || c == 0x7f) {
			if (buf_addf(w->out, "\\u%04x", c) < 0)
				w->failed = true;
		} else
			jsonw_put(w, s + i, len);
		i += len ? len : 1;
	}
	jsonw_put(w, "\"", 1);
}

/* What comes in front of a value. */
static void jsonw_begin(struct jsonw *w, const char *key)
{
	if (w->depth) {
		if (w->stack[w->depth - 1].filled)
			jsonw_put(w, ",", 1);
		w->stack[w->depth - 1].filled = true;
		jsonw_newline(w);
	}
	if (key) {
		put_string(w, key, strlen(key));
		puts_(w, w->compact ? ":" : ": ");
	}
}

static void open_level(struct jsonw *w, const char *key, char open, char close)
{
	jsonw_begin(w, key);
	if (w->depth == JSONW_DEPTH) {
		w->failed = true;
		return;
	}
	jsonw_put(w, &open, 1);
	w->stack[w->depth].close = close;
	w->stack[w->depth].filled = false;
	w->depth++;
}

void jsonw_object(struct jsonw *w, const char *key)
{
	open_level(w, key, '{', '}');
}

void jsonw_list(struct jsonw *w, const char *key)
{
	open_level(w, key, '[', ']');
}

void jsonw_end(struct jsonw *w)
{
	if (w->depth == 0) {
		w->failed = true;
		return;
	}
	w->depth--;
	if (w->stack[w->depth].filled)
		jsonw_newline(w);
	jsonw_put(w, &w->stack[w->depth].close, 1);
}

void jsonw_text(struct jsonw *w, const char *key, const char *s, size_t n)
{
	jsonw_begin(w, key);
	put_string(w, s, n);
}

void jsonw_string(struct jsonw *w, const char *key, const char *s)
{
	jsonw_text(w, key, s, strlen(s));
}

void jsonw_int(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_begin(w, key);
	if (buf_addf(w->out, "%lld", (long long)v) < 0)
		w->failed = true;
}

void jsonw_uint(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_begin(w, key);
	if (buf_addf(w->out, "%llu", (unsigned long long)v) < 0)
		w->failed = true;
}

void jsonw_bool(struct jsonw *w, const char *key, bool v)
{
	jsonw_begin(w, key);
	puts_(w, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_begin(w, key);
	puts_(w, "null");
}

void jsonw_raw(struct jsonw *w, const char *key, const char *text, size_t n)
{
	jsonw_begin(w, key);
	jsonw_put(w, text, n);
}

void jsonw_strings(struct jsonw *w, const char *key, char *const *v)
{
	jsonw_list(w, key);
	for (; v && *v; v++)
		jsonw_string(w, NULL, *v);
	jsonw_end(w);
}

int jsonw_done(const struct jsonw *w)
{
	return w->failed || w->depth ? -1 : 0;
}
