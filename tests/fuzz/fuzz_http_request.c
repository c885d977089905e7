/* Heads of HTTP requests. */
#include <stdlib.h>
#include <string.h>

#include "http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct http_text *t, const char *bytes, size_t n)
{
	if (t->at && (t->at < bytes || t->at + t->len > bytes + n))
		abort();
}

static void head_check(int r, const struct http_head *h, const char *bytes, size_t n, struct error *e)
{
	if ((r < 0) != (e->msg != NULL))
		abort();
	for (size_t i = 0; r == 0 && i < h->count; i++) {
		inside(&h->fields[i].name, bytes, n);
		inside(&h->fields[i].value, bytes, n);
		if (h->fields[i].name.len == 0 || memchr(h->fields[i].value.at, '\n', h->fields[i].value.len))
			abort();
	}
	error_clear(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size + 1); /* exactly as long, so that reading on is seen */
	struct error e = { 0 };
	struct http_head h;
	size_t n;

	if (size > 0)
		memcpy(bytes, data, size);
	n = http_head_size(bytes, size);
	if (n > size)
		abort();
	if (n > 0)
		head_check(http_request_parse(bytes, n, &h, &e), &h, bytes, n, &e);
	free(bytes);
	return 0;
}
