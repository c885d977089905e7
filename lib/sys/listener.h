/* A socket that a daemon listens on. Its connections are accepted and handed to the owner, some in one round of the
 * loop.
 *
 *   LISTENING -- no room, descriptors or memory left --> RESTING -- 100 ms --> LISTENING
 *
 * While it rests, connections wait in the backlog: looking at them again at once would only burn time. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "error.h"
#include "loop.h"

struct listener;
/* fd: the connection, non-blocking and close-on-exec, the owner's from here on. from: its other end. The listener may
 * be stopped here. */
typedef void listener_fn(struct listener *l, int fd, const struct sockaddr *from);

/* Zero-initialise, set the first ones. */
struct listener {
	listener_fn *accepted;
	bool (*room)(struct listener *l);              /* asked before each: false has it rest; NULL: there is room */
	void (*resting)(struct listener *l, int code); /* it begins to rest, by this errno; NULL: of no interest */
	void *data;
	/* private */
	struct loop *loop;
	struct loop_io io;
	struct loop_timer rest;
};

/* The listening socket is the listener's, also where this fails. */
int listener_start(struct listener *l, struct loop *loop, int fd, struct error *err);
/* Takes no connection any more and closes the socket. Legal on one that was never started. */
void listener_stop(struct listener *l);
static inline bool listener_active(const struct listener *l)
{
	return loop_io_active(&l->io);
}
