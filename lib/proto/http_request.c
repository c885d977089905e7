#include "http_request.h"

#include <string.h>
#include <strings.h>

#include "str.h"

size_t http_head_size(const char *bytes, size_t n)
{
	const char *at = bytes, *end = bytes + n, *line;

	while (at < end && (line = memchr(at, '\n', (size_t)(end - at)))) {
		bool empty = line == at || (line == at + 1 && *at == '\r');

		/* Empty lines in front of a request are nothing (RFC 9112, 2.2). */
		for (const char *p = bytes; empty && p < at; p++)
			if (*p != '\r' && *p != '\n')
				return (size_t)(line + 1 - bytes);
		at = line + 1;
	}
	return 0;
}

static bool text_equal(const struct http_text *t, const char *want)
{
	return t->len == strlen(want) && strncasecmp(t->at, want, t->len) == 0;
}

bool http_text_is(const struct http_text *text, const char *want)
{
	return text->at && text->len == strlen(want) && memcmp(text->at, want, text->len) == 0;
}

struct http_text http_field(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++)
		if (text_equal(&head->fields[i].name, name))
			return head->fields[i].value;
	return (struct http_text){ 0 };
}

/* The next line without its end; false after the last. */
static bool line_next(struct http_text *rest, struct http_text *line)
{
	const char *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;

	if (!end)
		return false;
	*line = (struct http_text){ rest->at, (size_t)(end - rest->at) };
	rest->len -= line->len + 1;
	rest->at = end + 1;
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* What stands before the first `c`, which is taken off, too; false: there is none. */
static bool text_cut(struct http_text *text, char c, struct http_text *out)
{
	const char *found = text->len > 0 ? memchr(text->at, c, text->len) : NULL;

	if (!found)
		return false;
	*out = (struct http_text){ text->at, (size_t)(found - text->at) };
	text->len -= out->len + 1;
	text->at = found + 1;
	return true;
}

static struct http_text text_trim(struct http_text t)
{
	while (t.len > 0 && (*t.at == ' ' || *t.at == '\t')) {
		t.at++;
		t.len--;
	}
	while (t.len > 0 && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* RFC 9110, 5.6.2 */
static bool token_valid(const struct http_text *t)
{
	for (size_t i = 0; i < t->len; i++) {
		unsigned char c = (unsigned char)t->at[i];
		bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

		if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return t->len > 0;
}

/* No character that ends a line or a string for somebody else. */
static bool value_valid(const struct http_text *t)
{
	return !memchr(t->at, '\0', t->len) && !memchr(t->at, '\r', t->len);
}

static int fields_parse(struct http_text *rest, struct http_head *h, struct error *err)
{
	struct http_text line, name;

	while (line_next(rest, &line) && line.len > 0) {
		if (h->count == HTTP_FIELDS_MAX)
			return error_set(err, 0, "more than %d fields", HTTP_FIELDS_MAX);
		if (!text_cut(&line, ':', &name) || !token_valid(&name) || !value_valid(&line))
			return error_set(err, 0, "field %zu is not NAME: VALUE", h->count + 1);
		h->fields[h->count].name = name;
		h->fields[h->count++].value = text_trim(line);
	}
	return 0;
}

/* --- what the fields say of the body ------------------------------------------------------------------------------ */

static int length_parse(const struct http_text *value, uint64_t *out)
{
	char digits[24];

	if (value->len == 0 || value->len >= sizeof(digits))
		return -1;
	memcpy(digits, value->at, value->len);
	digits[value->len] = '\0';
	return str_to_u64(digits, INT64_MAX, out);
}

static int body_decide(struct http_head *h, struct error *err)
{
	bool length = false;
	uint64_t said;

	for (size_t i = 0; i < h->count; i++) {
		const struct http_text *name = &h->fields[i].name, *value = &h->fields[i].value;

		if (text_equal(name, "Transfer-Encoding")) {
			if (!text_equal(value, "chunked") || h->chunked)
				return error_set(err, 0, "a transfer encoding other than chunked");
			h->chunked = true;
		} else if (text_equal(name, "Content-Length")) {
			if (length_parse(value, &said) < 0 || (length && said != h->length))
				return error_set(err, 0, "a content length that is none");
			length = true;
			h->length = said;
		}
	}
	return length && h->chunked ? error_set(err, 0, "a content length and chunks") : 0;
}

/* "Connection: close", or one of several words in it. */
static bool connection_says(const struct http_head *h, const char *word)
{
	struct http_text rest = http_field(h, "Connection"), one;

	while (rest.at && rest.len > 0) {
		if (!text_cut(&rest, ',', &one)) {
			one = rest;
			rest.len = 0;
		}
		one = text_trim(one);
		if (text_equal(&one, word))
			return true;
	}
	return false;
}

static int version_parse(const struct http_text *t, unsigned *minor)
{
	if (t->len != strlen("HTTP/1.1") || memcmp(t->at, "HTTP/1.", 7) != 0 || (t->at[7] != '0' && t->at[7] != '1'))
		return -1;
	*minor = (unsigned)(t->at[7] - '0');
	return 0;
}

static int head_finish(struct http_text *rest, struct http_head *h, struct error *err)
{
	if (fields_parse(rest, h, err) < 0 || body_decide(h, err) < 0)
		return -1;
	h->close = h->minor == 0 ? !connection_says(h, "keep-alive") : connection_says(h, "close");
	return 0;
}

int http_request_parse(const char *bytes, size_t n, struct http_head *out, struct error *err)
{
	struct http_text rest = { bytes, n }, line;

	memset(out, 0, sizeof(*out));
	do
		if (!line_next(&rest, &line))
			return error_set(err, 0, "no request");
	while (line.len == 0);
	if (!text_cut(&line, ' ', &out->method) || !token_valid(&out->method) || !text_cut(&line, ' ', &out->target) ||
	    out->target.len == 0 || !value_valid(&out->target) || version_parse(&line, &out->minor) < 0)
		return error_set(err, 0, "no request of HTTP/1");
	return head_finish(&rest, out, err);
}
