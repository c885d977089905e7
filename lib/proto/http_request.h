/* The head of a request of HTTP/1 (RFC 9112): the first line and the fields behind it, and how long the body is. No
 * input or output here; http_server.h has it, http.h has the answers as a client reads them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "http_field.h"

enum {
	HTTP_REQUEST_MAX = 16 * 1024, /* what a reader keeps of a head that does not end */
	HTTP_FIELDS_MAX = 64,
};

/* Its texts are slices of the head's bytes, which have to stay. */
struct http_head {
	unsigned minor; /* of HTTP/1.x: 0 or 1 */
	struct http_text method, target;
	struct {
		struct http_text name, value; /* without the blanks around it */
	} fields[HTTP_FIELDS_MAX];
	size_t count;
	uint64_t length; /* of the body */
	bool chunked;    /* the body comes in chunks, and says its length only so */
	bool close;      /* the connection ends behind this request */
};

/* Bytes of the head with the empty line that ends it; 0: it has not ended yet. Lines end with a newline, or with CR and
 * newline. */
size_t http_head_size(const char *bytes, size_t n);

/* Reads a whole head (n as above). What two readers could understand in two ways is refused: a length that is said
 * twice and differently, a length beside chunks, a field's line that begins with a blank. */
int http_request_parse(const char *bytes, size_t n, struct http_head *out, struct error *err);
/* The value of the first field of that name (names have no case); .at NULL: there is none. */
struct http_text http_field(const struct http_head *head, const char *name);
