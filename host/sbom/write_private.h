/* Shared by the files that write a model: write.c has spdx.c or cyclonedx.c fill a document, which writer.c holds on
 * its way. */
#pragma once

#include "jsonw.h"
#include "model_private.h"
#include "sink.h"

enum { WRITER_UUID = 36 }; /* letters */

struct writer {
	struct jsonw json; /* into text, which goes on by writer_flush() */
	struct buf text;
	struct sink *out;
	uint64_t identity; /* where in the document its UUID is, which is made of the rest */
	struct error *err;
};

/* To be called between elements of long lists. -1 when the document cannot be written. */
int writer_flush(struct writer *w);
/* A text that ends with the document's UUID. */
void writer_identity(struct writer *w, const char *key, const char *prefix);

void write_hex(struct jsonw *w, const char *key, const uint8_t *bytes, size_t n);
/* A text that is made for this call, NULL: there was no memory. Frees it. */
void write_taken(struct jsonw *w, const char *key, char *text);

int spdx_write(struct writer *w, const struct model *m);
int cyclonedx_write(struct writer *w, const struct model *m);
