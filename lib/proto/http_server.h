/* A small HTTP/1 server for control sockets: requests with short bodies, answered at once. It reads from whoever can
 * connect, so everything is bounded: connections, heads, bodies, and the time that a request may take.
 *
 * A connection:
 *
 *   HEAD -- the empty line --> BODY -- all of it --> handler --> ANSWER -- written --> HEAD, or the end
 *    |                          |                                  |
 *    +--------------------------+--- nothing for 30 s, too much, no HTTP: an answer that says so, and the end
 *
 * A body says its length; one in chunks is refused (411). Requests that are sent ahead wait in the socket and in what
 * was read with the one before. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "http_request.h"
#include "list.h"
#include "listener.h"
#include "loop.h"

enum {
	HTTP_SERVER_BODY_MAX = 64 * 1024,
	HTTP_SERVER_CONNECTIONS_MAX = 64, /* of all of a server's listeners together; others wait in the backlog */
};

struct http_request {
	const struct http_head *head;
	const char *path; /* of the target, without what is behind "?" */
	const char *body; /* NUL-terminated */
	size_t body_len;
	void *from; /* the listener's `who` */
};

/* Filled by the handler; 200 with nothing in it at first. */
struct http_reply {
	unsigned status;
	const char *type; /* of the content, NULL: none is said; static */
	struct buf *body;
};

typedef void http_handler_fn(void *data, const struct http_request *request, struct http_reply *reply);

/* Zero-initialise, set the first two, and http_server_init(). Stays where it is. */
struct http_server {
	http_handler_fn *handler;
	void *data;
	/* private */
	struct loop *loop;
	struct list connections;
	size_t count;
};

/* One socket that the server listens on. Zero-initialise, set the first two. */
struct http_listener {
	struct http_server *server;
	/* Whether somebody from there is served; NULL: all are. */
	bool (*welcome)(struct http_listener *l, const struct sockaddr *from);
	void *who; /* told to the handler: requests of one socket may have other rights than those of another */
	struct listener listener;
};

void http_server_init(struct http_server *s, struct loop *loop);
/* The listening socket is the listener's, also where this fails. Ended by listener_stop(&l->listener). */
int http_server_listen(struct http_listener *l, int fd, struct error *err);
/* Ends all connections. */
void http_server_close(struct http_server *s);

/* "OK", "Not Found": of the status codes that servers here answer. */
const char *http_reason(unsigned status);
