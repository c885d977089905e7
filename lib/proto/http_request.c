#include "http_request.h"

#include <string.h>

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

struct http_text http_field(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++)
		if (http_text_is_word(&head->fields[i].name, name))
			return head->fields[i].value;
	return (struct http_text){ 0 };
}

static int fields_parse(struct http_text *rest, struct http_head *h, struct error *err)
{
	struct http_text line;

	while (http_line_next(rest, &line) && line.len > 0) {
		if (h->count == HTTP_FIELDS_MAX)
			return error_set(err, 0, "more than %d fields", HTTP_FIELDS_MAX);
		if (http_field_split(line, &h->fields[h->count].name, &h->fields[h->count].value) < 0)
			return error_set(err, 0, "field %zu is not NAME: VALUE", h->count + 1);
		h->count++;
	}
	return 0;
}

/* --- what the fields say of the body ------------------------------------------------------------------------------ */

static int body_decide(struct http_head *h, struct error *err)
{
	struct http_framing f = { 0 };

	for (size_t i = 0; i < h->count; i++)
		if (http_framing_take(&f, &h->fields[i].name, &h->fields[i].value, err) < 0)
			return -1;
	h->length = f.length;
	h->chunked = f.chunked;
	return f.has_length && f.chunked ? error_set(err, 0, "a content length and chunks") : 0;
}

/* "Connection: close", or one of several words in it. */
static bool connection_says(const struct http_head *h, const char *word)
{
	struct http_text rest = http_field(h, "Connection"), one;

	while (rest.at && rest.len > 0) {
		if (!http_text_cut(&rest, ',', &one)) {
			one = rest;
			rest.len = 0;
		}
		one = http_text_trim(one);
		if (http_text_is_word(&one, word))
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
		if (!http_line_next(&rest, &line))
			return error_set(err, 0, "no request");
	while (line.len == 0);
	if (!http_text_cut(&line, ' ', &out->method) || !http_token_valid(&out->method) ||
	    !http_text_cut(&line, ' ', &out->target) || out->target.len == 0 || !http_text_valid(&out->target) ||
	    version_parse(&line, &out->minor) < 0)
		return error_set(err, 0, "no request of HTTP/1");
	return head_finish(&rest, out, err);
}
