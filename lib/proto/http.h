/* HTTP/1.x of a client: URLs, and answers as they arrive (RFC 9112). No input or output here: http_client.h has it.
 *
 * An answer is read byte by byte into states:
 *
 *   STATUS -> HEADERS -> nothing (204, 304, answers to HEAD) ----------------------> WHOLE
 *     ^          |   +-> LENGTH (Content-Length) ----------------------------------> WHOLE
 *     +-- 1xx ---+   +-> CHUNK_SIZE <-> CHUNK_DATA, CHUNK_END; -> TRAILERS --------> WHOLE
 *                    +-> UNTIL_END (neither of them) -- http_answer_end() ---------> WHOLE
 *
 * What is refused: a head or a line longer than its limit, a body longer than the caller wants, a length that is no
 * number or there twice with two values, any transfer coding but "chunked". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "http_field.h"

enum {
	HTTP_HEAD_MAX = 32 * 1024, /* bytes of all heads and trailers of one answer */
	HTTP_LINE_MAX = 8 * 1024,
};

/* --- URLs: "http://HOST[:PORT][/PATH][?QUERY]" --- */
struct http_url {
	char *host; /* a name or an address; the one of IPv6 in its brackets */
	uint16_t port;
	char *target; /* begins with "/"; a fragment is left out */
};

#define _cleanup_http_url_ _cleanup_(http_url_clear)
/* Refuses (code EINVAL) other schemes, a user in front of the host, blanks and control characters. */
int http_url_parse(const char *text, struct http_url *out, struct error *err);
void http_url_clear(struct http_url *u);

/* Whether it may stand in a request: no control character, so that it stays in its line. */
bool http_value_valid(const char *s);

/* --- answers --- */
enum http_state {
	HTTP_STATUS,
	HTTP_HEADERS,
	HTTP_LENGTH,
	HTTP_UNTIL_END,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_END,
	HTTP_TRAILERS,
	HTTP_WHOLE,
};

/* Zero-initialise, set the first two. */
struct http_answer {
	size_t max;   /* bytes of a body that are taken */
	bool no_body; /* answers to HEAD */
	/* read-only */
	unsigned status;
	struct buf head; /* its header lines, "Name: value\n" each */
	struct buf body;
	/* private */
	enum http_state state;
	struct buf line;
	size_t head_bytes;
	struct http_framing framing;
	uint64_t left; /* of the length, or of the chunk */
};

#define _cleanup_http_answer_ _cleanup_(http_answer_clear)
void http_answer_clear(struct http_answer *a);

/* The next bytes from the server. 1: the answer is whole, what is behind it is not looked at; 0: more is wanted; -1. */
int http_answer_feed(struct http_answer *a, const void *data, size_t n, struct error *err);
/* The server has closed. 0: the answer is whole now; -1: something is missing. */
int http_answer_end(struct http_answer *a, struct error *err);

/* The value of the first header of that name, whatever its case; NULL: there is none, or no memory. Caller frees. */
char *http_answer_header(const struct http_answer *a, const char *name);
