/* The addresses of a host's name, by the event loop. getaddrinfo(3) waits for name servers and cannot be told to stop:
 * it runs in a child process, which is killed when nobody wants to know any more.
 *
 *   idle -- resolve_start --> asking -- the child has written --> idle, then done() is called
 *                               +------ resolve_stop ----------> idle */
#pragma once

#include <sys/socket.h>

#include "loop.h"

enum { RESOLVE_MAX = 8 };

struct resolve_address {
	socklen_t len;
	struct sockaddr_storage storage;
};

struct resolve;
/* Called once. count is 0 where the name has no address or no server answered: the error says which. The addresses are
 * gone when it returns. */
typedef void resolve_fn(struct resolve *r, const struct resolve_address *found, size_t count, struct error *err);

/* Zero-initialise. */
struct resolve {
	void *data; /* the caller's */
	/* private */
	resolve_fn *done;
	struct loop_io io;
	pid_t child;
};

/* An address as text ("10.0.0.1", "::1", also "[::1]"), without asking anybody. -1 where it is none. */
int resolve_numeric(const char *host, uint16_t port, struct resolve_address *out);

/* Asks for stream sockets' addresses in the order in which to try them. The name is copied. Sets no time limit: the
 * caller stops it. */
int resolve_start(struct resolve *r, struct loop *loop, const char *name, uint16_t port, resolve_fn *done,
		  struct error *err);
/* Legal on one that is idle. */
void resolve_stop(struct resolve *r);
