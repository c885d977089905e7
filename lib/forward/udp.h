/* Datagrams of clients of this side, on their way to a port of the other and back.
 *
 * Who sends to a port is a flow. It is there for 90 s after its last datagram in either direction, as long as VPNKit
 * keeps one; of all ports together there are at most UDP_FLOWS, and the one that has been quiet longest makes room.
 * Only who has a flow is answered: the other end cannot send to anybody else.
 *
 * Where the other end takes connections of their own, one a port carries the datagrams of all its flows, each
 * with the client's address in front; else each flow has a channel. Either is asked for with the first datagram, which
 * waits for it. What cannot be sent on is dropped, as with every network. */
#pragma once

#include <sys/socket.h>

#include "list.h"
#include "loop.h"
#include "vpnkit_udp.h"
#include "way.h"

enum {
	UDP_FLOWS = 10000,
	UDP_BUCKETS = 4096,
	UDP_IDLE_US = 90 * 1000 * 1000,
	UDP_HELD = 256 * 1024, /* bytes on their way to the other end, of a stream; what comes on top is dropped */
};

/* What all ports share. */
struct udp {
	struct loop *loop;
	struct way *way;
	/* read only */
	size_t count;
	uint64_t in, out, dropped; /* datagrams */
	/* private */
	struct list *buckets;
	struct list flows; /* the one that was quiet longest first */
	struct loop_timer expiry;
	uint64_t idle_us;
	uint32_t seed;
};

struct udp_port;

/* idle_us 0: UDP_IDLE_US. */
int udp_init(struct udp *u, uint64_t idle_us, struct error *err);
void udp_free(struct udp *u);

/* fd, bound and non-blocking, is the port's, also where this fails. NULL on failure. */
struct udp_port *udp_port_open(struct udp *u, int fd, const struct vpnkit_destination *to, struct error *err);
/* With its flows. */
void udp_port_close(struct udp_port *p);
