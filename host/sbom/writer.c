/* A document on its way: written piece by piece, so that its size does not count. */
#include <stdio.h>
#include <stdlib.h>

#include "str.h"
#include "write_private.h"

enum { FLUSH = 64 << 10 };
static const char no_uuid[WRITER_UUID + 1] = "00000000-0000-0000-0000-000000000000";

int writer_flush(struct writer *w)
{
	if (w->text.len < FLUSH)
		return 0;
	if (sink_write(w->out, buf_bytes(&w->text), w->text.len, w->err) < 0)
		return -1;
	buf_clear(&w->text);
	return 0;
}

void writer_identity(struct writer *w, const char *key, const char *prefix)
{
	_cleanup_free_ char *text = str_format("%s%s", prefix, no_uuid);

	if (!text) {
		w->json.failed = true;
		return;
	}
	jsonw_string(&w->json, key, text);
	w->identity = w->out->written + w->text.len - WRITER_UUID - 1; /* in front of the quote */
}

void write_hex(struct jsonw *w, const char *key, const uint8_t *bytes, size_t n)
{
	char hex[2 * SHA256_SIZE + 1];

	for (size_t i = 0; i < n && i < SHA256_SIZE; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	jsonw_text(w, key, hex, 2 * n);
}

void write_taken(struct jsonw *w, const char *key, char *text)
{
	if (text)
		jsonw_string(w, key, text);
	else
		w->failed = true;
	free(text);
}
