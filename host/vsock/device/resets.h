/* RST packets for the guest that belong to no connection: answers to packets that no connection takes. They wait here
 * for places in the receive ring, RESETS_MAX of them; the device drops the ones beyond. To keep the guest's packets
 * waiting instead could be for ever, since a guest may take nothing until its own answers have gone. The guest asks
 * again, or gives up. */
#pragma once

#include "fill.h"

enum { RESETS_MAX = 1024 };

struct reset {
	uint64_t src_cid;
	uint32_t src_port, dst_port;
	uint16_t type;
};

struct resets {
	size_t count;
	/* private */
	size_t first;
	struct reset waiting[RESETS_MAX];
};

/* The answer to this packet. A RST has none. */
void resets_add(struct resets *r, const struct vsock_header *packet);
/* Sends those that wait to the guest with this context id. False: the ring is full, and some still wait. */
bool resets_send(struct resets *r, struct fill_ring *ring, uint32_t cid);
