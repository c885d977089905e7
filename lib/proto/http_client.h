/* One HTTP request over a connection of its own, by the event loop.
 *
 *   idle -- http_start --> looking up the name -> connecting (one address after the other) -> sending, reading
 *     ^                                                                                        |
 *     +---- http_stop, at any time; or whole, failed, over its deadline: done() is called -----+
 *
 * Redirects are answers like others: nothing is followed. There is no TLS, no proxy, no second try. */
#pragma once

#include <sys/socket.h>

#include "http.h"
#include "loop.h"
#include "resolve.h"

struct http_call;
/* Called once by the loop, never by http_start(), when the connection is closed already. err NULL: c->answer is there,
 * whatever its status; otherwise its text begins with method and URL. */
typedef void http_fn(struct http_call *c, struct error *err);

/* What is asked for; only read by http_start(). */
struct http_wish {
	const char *method;         /* NULL: GET */
	const char *host;           /* a name, or an address (IPv6 in brackets); also what the header Host says */
	uint16_t port;              /* 0: 80 */
	const char *target;         /* "/path?query" */
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const void *body;
	size_t body_len;
	const struct sockaddr *address; /* of another kind of socket, such as a Unix one; NULL: host is looked up */
	socklen_t address_len;
	uint64_t deadline; /* microseconds of loop_now(): for the whole of it */
	size_t max;        /* bytes of the answer's body that are taken */
	bool low_port;     /* from a port below 1024, which some servers take for a proof of privileges */
	void (*connected)(void *data, int fd); /* with the call's data, before anything is sent; NULL: of no interest */
};

/* Zero-initialise, set data. */
struct http_call {
	void *data;
	struct http_answer answer; /* the caller's after done(), until http_stop() */
	/* private */
	http_fn *done;
	struct loop *loop;
	struct loop_io io;
	struct loop_timer deadline;
	struct resolve resolve;
	struct resolve_address addresses[RESOLVE_MAX];
	size_t count, next;
	struct buf request;
	char *what; /* "GET http://host/path", for messages */
	bool active, low_port, connected;
	void (*on_connected)(void *data, int fd);
	int last_error;
	uint16_t port;
	uint64_t until;
};

/* Refuses what would break the request's lines. After -1 nothing is called. */
int http_start(struct http_call *c, struct loop *loop, const struct http_wish *wish, http_fn *done, struct error *err);
/* Ends it without a call back, and frees the answer. Legal on one that is idle, and in done(). */
void http_stop(struct http_call *c);
static inline bool http_active(const struct http_call *c)
{
	return c->active;
}
