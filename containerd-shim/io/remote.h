/* A fifo that is not here but on the machine's host, where the client is: reached over vsock. lib/proto/agent.h has the
 * protocol. Tried only for a path that does not exist.
 *
 *     remote_start() -> connecting -> the request is sent -> the answer is read -> done()
 *                           ^                                    |
 *                           +-- once, with the secret read anew --+  (the host has another one than this machine gave)
 *
 * 5 s for all of it. */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "loop.h"

struct remote;
/* fd: a socket in the fifo's place, the callee's; -1: the host has no such fifo, or there is no such host, and why. */
typedef void remote_fn(struct remote *r, int fd, const struct error *why);

/* Zero-initialised is idle. */
struct remote {
	void *data; /* the caller's */
	/* private */
	struct loop *loop;
	struct loop_io io;
	struct loop_timer timer;
	remote_fn *done;
	char *path, *line; /* what to ask for; the request, until it is sent */
	char answer[160];
	size_t have;
	bool write, again, active;
};

/* write: something is to be written into the fifo. `done` is called once, from the loop. */
int remote_start(struct remote *r, struct loop *loop, const char *path, bool write, remote_fn *done, struct error *err);
static inline bool remote_active(const struct remote *r)
{
	return r->active;
}
/* Forgets it: nothing is called. Legal at any time. */
void remote_drop(struct remote *r);
