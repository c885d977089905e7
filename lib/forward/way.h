/* The way to the other end of forwarded ports: whoever listens asks it for something that carries the bytes there, a
 * connection of its own or a channel in a stream. What lies behind it is not known here: the host's way leads into a
 * guest (host/forward/tunnel.h), vpnkit-forwarder's leads to whoever its data stream is joined to.
 *
 * A wish is asked for by way_ask(), and is ready in there or later, once; until then its owner may forget it. */
#pragma once

#include "list.h"
#include "loop.h"
#include "vpnkit_mux.h"

struct way;
struct way_wish;
/* fd: a connection, non-blocking, whose bytes are the destination's from now on; or a channel; or, with code, neither.
 * Both are the owner's, and so is the wish again. */
typedef void way_ready_fn(struct way_wish *w, int fd, struct vpnkit_channel *channel, int code);

/* Zero-initialise, set the first three. */
struct way_wish {
	const struct vpnkit_destination *to; /* stays until it is ready */
	way_ready_fn *ready;
	void *data;
	/* the way's, while it is not ready */
	struct way *way; /* NULL: nothing is asked for */
	struct list place;
	struct loop_timer retry;
	int tries;
};

enum way_carries { WAY_UNKNOWN, WAY_CONNECTIONS, WAY_CHANNELS };

/* What a way shows of itself; it sets the loop and `ask`. */
struct way {
	struct loop *loop;
	void (*ask)(struct way *way, struct way_wish *w);
	enum way_carries carries;     /* as far as known */
	unsigned generation;          /* of VPNKit's protocol that the other end speaks; 0: not known */
	const struct vpnkit_mux *mux; /* with channels: the stream that they are in; NULL: none now */
};

void way_ask(struct way *way, struct way_wish *w);
/* One that is not ready yet is forgotten. Legal on others. */
void way_forget(struct way_wish *w);
/* For ways: it is ready. */
void way_done(struct way_wish *w, int fd, struct vpnkit_channel *channel, int code);
