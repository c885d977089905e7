#include "uri.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

static const struct {
	const char *name;
	enum uri_scheme scheme;
} schemes[] = {
	{ "fifo", URI_PATH },
	{ "file", URI_FILE },
	{ "binary", URI_BINARY },
	{ "binary-v2", URI_BINARY_V2 },
};

void uri_clear(struct uri *u)
{
	free(u->path);
	strv_free(u->args);
	*u = (struct uri){ 0 };
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n characters without their escapes; NULL with errno. */
static char *text_unescape(const char *s, size_t n, bool query)
{
	_cleanup_free_ char *out = malloc(n + 1);
	size_t len = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '%') {
			int high = i + 1 < n ? digit_value(s[i + 1]) : -1, low = i + 2 < n ? digit_value(s[i + 2]) : -1;

			if (high < 0 || low < 0 || (high == 0 && low == 0)) {
				errno = EINVAL;
				return NULL;
			}
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && query) {
			c = ' ';
		}
		out[len++] = c;
	}
	out[len] = '\0';
	return steal_ptr(&out);
}

/* key=value&key=value; a key without value gets an empty one. */
static int query_parse(const char *query, char ***args)
{
	while (*query) {
		size_t n = strcspn(query, "&"), key = strcspn(query, "=&");

		if (n > 0) {
			bool valued = key < n;

			if (strv_take(args, text_unescape(query, key, true)) < 0 ||
			    strv_take(args, text_unescape(query + key + valued, n - key - valued, true)) < 0)
				return -1;
		}
		query += n + (query[n] == '&');
	}
	return 0;
}

int uri_parse(const char *text, struct uri *out, struct error *err)
{
	const char *rest = strstr(text, "://"), *query;
	size_t i, n;

	*out = (struct uri){ 0 };
	if (*text == '/' || !rest) {
		out->path = strdup(text);
		if (!out->path)
			return error_set(err, ENOMEM, "%s", text);
	} else {
		n = (size_t)(rest - text);
		for (i = 0; i < array_len(schemes); i++)
			if (strlen(schemes[i].name) == n && memcmp(schemes[i].name, text, n) == 0)
				break;
		if (i == array_len(schemes))
			return error_set(err, EINVAL, "%s: unknown scheme", text);
		out->scheme = schemes[i].scheme;
		rest += 3;
		query = rest + strcspn(rest, "?#");
		out->path = text_unescape(rest, (size_t)(query - rest), false);
		if (!out->path || (*query == '?' && query_parse(query + 1, &out->args) < 0)) {
			error_set(err, errno, "%s", text);
			uri_clear(out);
			return -1;
		}
	}
	if (*out->path != '/') {
		uri_clear(out);
		return error_set(err, EINVAL, "%s: not an absolute path", text);
	}
	return 0;
}
