#include "http_field.h"

#include <string.h>
#include <strings.h>

#include "str.h"

bool http_text_is(const struct http_text *text, const char *want)
{
	return text->at && text->len == strlen(want) && memcmp(text->at, want, text->len) == 0;
}

bool http_text_is_word(const struct http_text *text, const char *want)
{
	return text->at && text->len == strlen(want) && strncasecmp(text->at, want, text->len) == 0;
}

bool http_line_next(struct http_text *rest, struct http_text *line)
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

bool http_text_cut(struct http_text *text, char c, struct http_text *out)
{
	const char *found = text->len > 0 ? memchr(text->at, c, text->len) : NULL;

	if (!found)
		return false;
	*out = (struct http_text){ text->at, (size_t)(found - text->at) };
	text->len -= out->len + 1;
	text->at = found + 1;
	return true;
}

struct http_text http_text_trim(struct http_text t)
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
bool http_token_valid(const struct http_text *t)
{
	for (size_t i = 0; i < t->len; i++) {
		unsigned char c = (unsigned char)t->at[i];
		bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

		if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return t->len > 0;
}

bool http_text_valid(const struct http_text *t)
{
	return !memchr(t->at, '\0', t->len) && !memchr(t->at, '\r', t->len);
}

int http_field_split(struct http_text line, struct http_text *name, struct http_text *value)
{
	if (!http_text_cut(&line, ':', name) || !http_token_valid(name) || !http_text_valid(&line))
		return -1;
	*value = http_text_trim(line);
	return 0;
}

static int length_parse(const struct http_text *value, uint64_t *out)
{
	char digits[24];

	if (value->len == 0 || value->len >= sizeof(digits))
		return -1;
	memcpy(digits, value->at, value->len);
	digits[value->len] = '\0';
	return str_to_u64(digits, INT64_MAX, out);
}

int http_framing_take(struct http_framing *f, const struct http_text *name, const struct http_text *value,
		      struct error *err)
{
	uint64_t length;

	if (http_text_is_word(name, "Transfer-Encoding")) {
		if (!http_text_is_word(value, "chunked") || f->chunked)
			return error_set(err, 0, "a transfer coding other than \"chunked\"");
		f->chunked = true;
	} else if (http_text_is_word(name, "Content-Length")) {
		if (length_parse(value, &length) < 0 || (f->has_length && length != f->length))
			return error_set(err, 0, "a content length that is none");
		f->has_length = true;
		f->length = length;
	}
	return 0;
}
