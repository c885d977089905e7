#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "str.h"

/* --- URLs --------------------------------------------------------------------------------------------------------- */

bool http_value_valid(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

void http_url_clear(struct http_url *u)
{
	free(u->host);
	free(u->target);
	*u = (struct http_url){ 0 };
}

/* The port behind the host, which ends at n. */
static int url_port(const char *host, size_t n, struct http_url *out, size_t *host_len)
{
	const char *colon = memrchr(host, ':', n), *bracket = memrchr(host, ']', n);
	_cleanup_free_ char *digits = NULL;
	uint64_t port;

	out->port = 80;
	*host_len = n;
	if (!colon || (bracket && colon < bracket))
		return 0;
	*host_len = (size_t)(colon - host);
	digits = strndup(colon + 1, n - *host_len - 1);
	if (!digits || str_to_u64(digits, UINT16_MAX, &port) < 0 || port == 0)
		return -1;
	out->port = (uint16_t)port;
	return 0;
}

int http_url_parse(const char *text, struct http_url *out, struct error *err)
{
	const char *host = text + strlen("http://");
	size_t n, host_len;
	int r;

	*out = (struct http_url){ 0 };
	if (strncasecmp(text, "http://", strlen("http://")) != 0)
		return error_say(err, EINVAL, "%s: only http:// is spoken", text);
	if (!http_value_valid(text) || strchr(text, ' '))
		return error_say(err, EINVAL, "%s: blanks and control characters are not for a URL", text);
	n = strcspn(host, "/?#");
	if (memchr(host, '@', n))
		return error_say(err, EINVAL, "%s: a user in a URL is not taken", text);
	if (url_port(host, n, out, &host_len) < 0 || host_len == 0)
		return error_say(err, EINVAL, "%s: that is no host and port", text);
	out->host = strndup(host, host_len);
	r = asprintf(&out->target, "%s%.*s", host[n] == '/' ? "" : "/", (int)strcspn(host + n, "#"), host + n);
	if (r < 0)
		out->target = NULL;
	if (!out->host || !out->target) {
		http_url_clear(out);
		return error_set(err, ENOMEM, "%s", text);
	}
	return 0;
}

/* --- answers: lines ------------------------------------------------------------------------------------------------
 */

void http_answer_clear(struct http_answer *a)
{
	buf_free(&a->head);
	buf_free(&a->body);
	buf_free(&a->line);
	*a = (struct http_answer){ .max = a->max, .no_body = a->no_body };
}

/* "HTTP/1.1 200 OK" */
static int status_parse(struct http_answer *a, const char *line, struct error *err)
{
	const char *p = line + strlen("HTTP/1.x");

	if (!str_starts(line, "HTTP/1.") || strlen(line) < strlen("HTTP/1.x 200") || p[0] != ' ' || p[1] < '1' ||
	    p[1] > '5' || p[2] < '0' || p[2] > '9' || p[3] < '0' || p[3] > '9' || (p[4] && p[4] != ' '))
		return error_set(err, 0, "the answer is no HTTP");
	a->status = (unsigned)(p[1] - '0') * 100 + (unsigned)(p[2] - '0') * 10 + (unsigned)(p[3] - '0');
	a->state = HTTP_HEADERS;
	return 0;
}

static int header_parse(struct http_answer *a, const char *line, struct error *err)
{
	struct http_text name, value;

	/* What is no field says nothing. */
	if (http_field_split((struct http_text){ line, strlen(line) }, &name, &value) == 0 &&
	    http_framing_take(&a->framing, &name, &value, err) < 0)
		return error_wrap(err, "the answer's head");
	return buf_addstr(&a->head, line) < 0 || buf_add(&a->head, "\n", 1) < 0
		? error_set(err, ENOMEM, "the answer's head")
		: 0;
}

static int body_too_long(const struct http_answer *a, struct error *err)
{
	return error_say(err, EFBIG, "the answer has more than %zu bytes", a->max);
}

/* The empty line behind the headers. */
static int head_done(struct http_answer *a, struct error *err)
{
	if (a->status < 200) { /* one that announces the answer */
		if (a->status == 101)
			return error_set(err, 0, "the server changes to another protocol");
		buf_clear(&a->head);
		a->framing = (struct http_framing){ 0 };
		a->state = HTTP_STATUS;
		return 0;
	}
	a->left = a->framing.length;
	if (a->no_body || a->status == 204 || a->status == 304)
		a->state = HTTP_WHOLE;
	else if (a->framing.chunked)
		a->state = HTTP_CHUNK_SIZE;
	else if (!a->framing.has_length)
		a->state = HTTP_UNTIL_END;
	else if (a->left > a->max)
		return body_too_long(a, err);
	else
		a->state = a->left > 0 ? HTTP_LENGTH : HTTP_WHOLE;
	return 0;
}

/* "1f;extension": hexadecimal digits. */
static int chunk_parse(struct http_answer *a, const char *line, struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = line, *digit;
	uint64_t n = 0;

	for (; *p && (digit = strchr(digits, *p | 0x20)); p++) {
		n = n << 4 | (uint64_t)(digit - digits);
		if (n > a->max)
			return body_too_long(a, err);
	}
	if (p == line || (*p && *p != ';' && *p != ' ' && *p != '\t'))
		return error_set(err, 0, "a chunk's length is not a number");
	if (n > a->max - a->body.len)
		return body_too_long(a, err);
	a->left = n;
	a->state = n > 0 ? HTTP_CHUNK_DATA : HTTP_TRAILERS;
	return 0;
}

static int line_parse(struct http_answer *a, char *line, struct error *err)
{
	switch (a->state) {
	case HTTP_STATUS:
		return status_parse(a, line, err);
	case HTTP_HEADERS:
		return *line ? header_parse(a, line, err) : head_done(a, err);
	case HTTP_CHUNK_SIZE:
		return chunk_parse(a, line, err);
	case HTTP_CHUNK_END:
		if (*line)
			return error_set(err, 0, "a chunk is longer than it says");
		a->state = HTTP_CHUNK_SIZE;
		return 0;
	default: /* trailers say nothing that is used */
		if (!*line)
			a->state = HTTP_WHOLE;
		return 0;
	}
}

/* Takes bytes up to the end of the line, and reads the line when it is whole. Returns how many were taken, -1. */
static ssize_t line_feed(struct http_answer *a, const char *data, size_t n, struct error *err)
{
	const char *end = memchr(data, '\n', n);
	size_t taken = end ? (size_t)(end - data) + 1 : n;
	char *line;
	int r;

	if (a->state != HTTP_CHUNK_SIZE && a->state != HTTP_CHUNK_END)
		a->head_bytes += taken;
	if (a->head_bytes > HTTP_HEAD_MAX || a->line.len + taken > HTTP_LINE_MAX)
		return error_say(err, EFBIG, "the answer's head is too long");
	if (buf_add(&a->line, data, taken) < 0)
		return error_set(err, ENOMEM, "the answer's head");
	if (!end)
		return (ssize_t)taken;
	buf_truncate(&a->line, a->line.len - 1);
	line = (char *)buf_bytes(&a->line);
	if (a->line.len > 0 && line[a->line.len - 1] == '\r')
		buf_truncate(&a->line, a->line.len - 1);
	if (strlen(line) != a->line.len)
		return error_set(err, 0, "the answer's head holds a byte 0");
	r = line_parse(a, line, err);
	buf_clear(&a->line);
	return r < 0 ? -1 : (ssize_t)taken;
}

/* --- answers: bodies -----------------------------------------------------------------------------------------------
 */

static ssize_t body_feed(struct http_answer *a, const char *data, size_t n, struct error *err)
{
	if (a->state == HTTP_UNTIL_END) {
		if (n > a->max - a->body.len)
			return body_too_long(a, err);
	} else if (n > a->left) {
		n = (size_t)a->left;
	}
	if (buf_add(&a->body, data, n) < 0)
		return error_set(err, ENOMEM, "the answer");
	if (a->state == HTTP_UNTIL_END)
		return (ssize_t)n;
	a->left -= n;
	if (a->left == 0)
		a->state = a->state == HTTP_LENGTH ? HTTP_WHOLE : HTTP_CHUNK_END;
	return (ssize_t)n;
}

int http_answer_feed(struct http_answer *a, const void *data, size_t n, struct error *err)
{
	const char *at = data;

	while (n > 0 && a->state != HTTP_WHOLE) {
		bool in_body = a->state == HTTP_LENGTH || a->state == HTTP_UNTIL_END || a->state == HTTP_CHUNK_DATA;
		ssize_t taken = in_body ? body_feed(a, at, n, err) : line_feed(a, at, n, err);

		if (taken < 0)
			return -1;
		at += taken;
		n -= (size_t)taken;
	}
	return a->state == HTTP_WHOLE;
}

int http_answer_end(struct http_answer *a, struct error *err)
{
	if (a->state == HTTP_UNTIL_END)
		a->state = HTTP_WHOLE;
	if (a->state == HTTP_WHOLE)
		return 0;
	if (a->state == HTTP_STATUS && a->line.len == 0)
		return error_set(err, 0, "the server closed without an answer");
	return error_set(err, 0, "the server closed in the middle of its answer");
}

char *http_answer_header(const struct http_answer *a, const char *wanted)
{
	struct http_text rest = { buf_text(&a->head), a->head.len }, line, name, value;

	while (http_line_next(&rest, &line))
		if (http_field_split(line, &name, &value) == 0 && http_text_is_word(&name, wanted))
			return strndup(value.at, value.len);
	return NULL;
}
