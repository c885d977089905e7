/* The way into the guest: connections to its forwarder, in the best of VPNKit's generations that this one speaks.
 *
 * Which one that is is asked for with the first connection, by a hello on a connection of its own (the link):
 *
 *   UNKNOWN -- first wish --> ASKING --+-- a hello that says "dedicated too" -----> DEDICATED: a connection of its own
 *     ^                        |       |                                            for each wish; the link stays, and
 *     |                        |       |                                            says when the guest is gone
 *     |                        |       +-- a hello ------------------------------> CHANNELS: in the link (generation 3)
 *     |                        |       +-- silence for a second -----------------> DEDICATED, without a link (1)
 *     |                        |       +-- the end --> ASKING AGAIN, without a hello
 *     |                        |                         +-- still there after 300 ms --> CHANNELS (2)
 *     |                        |                         +-- the end: nobody listens there
 *     +------------------------+------------------------------+
 *     +-- the link ends -- DEDICATED, CHANNELS
 *
 * Wishes wait while it is asked; where nobody listens all of them fail. */
#pragma once

#include <sys/un.h>

#include "list.h"
#include "loop.h"
#include "vpnkit_link.h"

struct tunnel_wish;
/* fd: a connection, non-blocking, whose bytes are the destination's from now on; or a channel; or, with code, neither.
 * Both are the owner's, and so is the wish again. */
typedef void tunnel_ready_fn(struct tunnel_wish *w, int fd, struct vpnkit_channel *channel, int code);

/* Zero-initialise, set the first three. */
struct tunnel_wish {
	const struct vpnkit_destination *to; /* stays until it is ready */
	tunnel_ready_fn *ready;
	void *data;
	/* private */
	struct tunnel *tunnel;
	struct list place;
	struct loop_timer retry; /* while the backlog of the guest's socket is full */
	int tries;
};

enum tunnel_state { TUNNEL_UNKNOWN, TUNNEL_ASKING, TUNNEL_ASKING_AGAIN, TUNNEL_DEDICATED, TUNNEL_CHANNELS };

/* Zero-initialise, set the loop and the address, tunnel_init(). */
struct tunnel {
	struct loop *loop;
	struct sockaddr_un address; /* of the host's socket that leads to the guest's port */
	/* read only */
	enum tunnel_state state;
	unsigned generation; /* 0: not known */
	/* private */
	struct vpnkit_link link;
	struct loop_timer patience;
	struct list waiting;
};

void tunnel_init(struct tunnel *t);
/* Every wish fails, also those that wait. */
void tunnel_close(struct tunnel *t);
/* ready is called in here, or later. */
void tunnel_ask(struct tunnel *t, struct tunnel_wish *w);
/* One that is not ready yet is forgotten. Legal on others. */
void tunnel_forget(struct tunnel_wish *w);
