/* A vpnkit_mux on a stream socket and a loop, and what joins its channels to sockets. */
#pragma once

#include "loop.h"
#include "vpnkit_mux.h"

/* Zero-initialise, set the first ones and those of `mux` (all but its `output`), start. */
struct vpnkit_link {
	struct vpnkit_mux mux;
	/* The stream has ended: why is empty where the peer ended it. All channels have heard of it. vpnkit_link_stop()
	 * is legal here. */
	void (*lost)(struct vpnkit_link *l, const struct error *why);
	void (*greeted)(struct vpnkit_link *l); /* the peer's hello is there; NULL: of no interest */
	void *data;
	/* private */
	struct loop *loop;
	struct loop_io io;
	struct loop_timer failure;
	struct vpnkit_mux_handler handler;
	int code;
	bool blocked, busy, told, heard;
};

/* fd, non-blocking, is the link's from now on, also where this fails. first: bytes that were read already. */
int vpnkit_link_start(struct vpnkit_link *l, struct loop *loop, int fd, bool handshake, const void *first, size_t n,
		      struct error *err);
/* Ends the stream and all channels, whose owners hear of it first. Legal on one that was never started, or is lost.
 * Not in a handler of the mux or of a channel. */
void vpnkit_link_stop(struct vpnkit_link *l);
static inline bool vpnkit_link_active(const struct vpnkit_link *l)
{
	return loop_io_active(&l->io);
}

/* Carries bytes between a channel (accepted or opened) and a connected stream socket, both ways, each end by itself,
 * until both have ended; closes both then. count, where it is not NULL, is one more for as long. fd, non-blocking, is
 * its own from now on, also when it fails (and the channel is closed). */
int vpnkit_pump_start(struct loop *loop, struct vpnkit_channel *c, int fd, size_t *count, struct error *err);
