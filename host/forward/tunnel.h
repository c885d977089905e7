/* The way into the guest: connections to its forwarder, in the best of VPNKit's generations that this one speaks.
 *
 * Which one that is is asked for with the first connection, by a hello on a connection of its own (the link):
 *
 *   UNKNOWN -- first wish --> ASKING --+-- a hello that says "dedicated too" -----> DEDICATED: a connection of its own
 *     ^                        |       |                                            for each wish; the link stays, and
 *     |                        |       |                                            says when the guest is gone
 *     |                        |       +-- a hello ------------------------------> CHANNELS: in the link (generation 3)
 *     |                        |       +-- silence for a second -----------------> DEDICATED (1); the link stays: a
 *     |                        |       |                                            late hello counts as above
 *     |                        |       +-- the end --> ASKING AGAIN, without a hello
 *     |                        |                         +-- still there after 300 ms --> CHANNELS (2)
 *     |                        |                         +-- the end: nobody listens there
 *     +------------------------+------------------------------+
 *     +-- the link ends -- DEDICATED, CHANNELS
 *
 * Wishes wait while it is asked; where nobody listens all of them fail. */
#pragma once

#include <sys/un.h>

#include "vpnkit_link.h"
#include "way.h"

enum tunnel_state { TUNNEL_UNKNOWN, TUNNEL_ASKING, TUNNEL_ASKING_AGAIN, TUNNEL_DEDICATED, TUNNEL_CHANNELS };

/* Zero-initialise, set the way's loop and the address, tunnel_init(). */
struct tunnel {
	struct way way;
	struct sockaddr_un address; /* of the host's socket that leads to the guest's port */
	/* read only */
	enum tunnel_state state;
	/* private */
	struct vpnkit_link link;
	struct loop_timer patience;
	struct list waiting;
};

void tunnel_init(struct tunnel *t);
/* Every wish fails, also those that wait. */
void tunnel_close(struct tunnel *t);
