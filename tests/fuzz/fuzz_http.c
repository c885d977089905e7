/* Answers of HTTP: read in one piece and in many, they come to the same; a body never exceeds what was asked for. */
#include <stdlib.h>
#include <string.h>

#include "http.h"

enum { MOST = 64 };

static int answer_read(struct http_answer *a, const uint8_t *data, size_t n, size_t piece)
{
	struct error err = { 0 };
	int r = 0;

	for (size_t at = 0; at < n && r == 0; at += piece)
		r = http_answer_feed(a, data + at, piece < n - at ? piece : n - at, &err);
	if (r == 0)
		r = http_answer_end(a, &err) < 0 ? -1 : 2;
	if ((r < 0 && !err.msg) || a->body.len > MOST || (r > 0 && (a->status < 200 || a->status > 599)))
		abort();
	error_clear(&err);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct http_answer whole = { .max = MOST }, pieces = { .max = MOST };
	struct http_url u;
	char *text, *location;
	int r;

	if (n == 0)
		return 0;
	r = answer_read(&whole, data + 1, n - 1, n);
	if (r != answer_read(&pieces, data + 1, n - 1, 1u + data[0] % 8) ||
	    (r > 0 &&
	     (whole.status != pieces.status || whole.body.len != pieces.body.len ||
	      memcmp(buf_text(&whole.body), buf_text(&pieces.body), whole.body.len) != 0)))
		abort();
	location = http_answer_header(&whole, "location");
	if (location && strchr(location, '\n'))
		abort();
	free(location);
	http_answer_clear(&whole);
	http_answer_clear(&pieces);
	text = strndup((const char *)data, n);
	if (http_url_parse(text, &u, NULL) == 0) {
		if (u.target[0] != '/' || !*u.host || !http_value_valid(u.host) || !http_value_valid(u.target))
			abort();
		http_url_clear(&u);
	}
	free(text);
	return 0;
}
