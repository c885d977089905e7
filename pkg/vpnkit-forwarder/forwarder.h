/* vpnkit-forwarder: what the host sends into the guest goes to its TCP, UDP and Unix sockets, and, where a control
 * socket is asked for, ports of this side lead to the other.
 *
 *   welcome.c  who may connect
 *   door.c     the host connects: what its first bytes are, and so which generation of VPNKit's protocol it speaks
 *   stream.c   a multiplexed stream, also one that this side has connected; its channels
 *   dial.c     the connection to the guest's socket that a channel or a dedicated connection asks for
 *   flows.c    datagrams
 *   listen.c   ports of this side (lib/forward), and who may have them opened
 */
#pragma once

#include "forward_control.h"
#include "list.h"
#include "listener.h"
#include "relay.h"
#include "vpnkit_address.h"
#include "vpnkit_link.h"
#include "vpnkit_udp.h"

enum {
	DOORS_MAX = 1024,  /* connections that have not said what they are */
	FLOWS_MAX = 16384, /* of datagrams, in all */
	STREAMS_MAX = 64,  /* multiplexed ones */
	FLOW_IDLE_S = 90,
};

/* All flows of datagrams. */
struct flows {
	struct loop *loop;
	size_t count;
	uint64_t idle_us;
	uint64_t dropped; /* datagrams */
	/* private */
	struct list age; /* the one that was quiet longest first */
	struct list *buckets;
	uint32_t seed;
	struct loop_timer expiry;
};

struct forwarder {
	struct loop *loop;
	uint32_t from; /* the only cid that may connect; VMADDR_CID_ANY: any */
	struct relays relays;
	struct flows flows;
	size_t pumps; /* channels joined to sockets */
	/* private */
	struct listener door;
	struct list doors, streams; /* those that wait for their first bytes; multiplexed streams */
	size_t door_count, stream_count;
	bool refused; /* somebody; that is said once */
	/* with -control-listen: */
	bool listens;
	struct vpnkit_mux *newest; /* of the streams that stand, NULL: none */
	struct way way;            /* to its other end */
	struct list wishes;        /* for when there is one */
	struct forwards forwards;
	struct control control;
};

void forwarder_init(struct forwarder *f, struct loop *loop);
/* Ends everything that is open. */
void forwarder_close(struct forwarder *f);
/* Says what there is, for people who sent SIGHUP. */
void forwarder_report(struct forwarder *f);

/* --- welcome.c --- */
/* Whether somebody from there is served. */
bool forwarder_welcome(struct forwarder *f, const struct sockaddr *from);

/* --- door.c --- */
/* The listening socket is the forwarder's, also where this fails. */
int door_open(struct forwarder *f, int fd, struct error *err);
void door_close(struct forwarder *f);

/* --- stream.c --- */
/* A connection of the host whose first bytes, n of them, were read: fd is the stream's. */
void stream_accept(struct forwarder *f, int fd, bool handshake, const void *first, size_t n);
/* Connects to the host, again a second after it was lost. The address stays. */
int stream_connect(struct forwarder *f, const struct vpnkit_address *to, struct error *err);
void streams_close(struct forwarder *f);

/* --- dial.c --- */
/* Joins the dedicated connection, which becomes the dial's, to the destination. */
void dial_dedicated(struct forwarder *f, int fd, const struct vpnkit_destination *to);
/* The same for a channel of the peer's. */
void dial_channel(struct forwarder *f, struct vpnkit_channel *c, const struct vpnkit_destination *to);

/* --- listen.c --- */
void listen_init(struct forwarder *f);
/* The control API on fd, a listening socket that is its own, also where this fails. */
int listen_open(struct forwarder *f, int fd, struct error *err);
/* Legal where it was never opened. */
void listen_close(struct forwarder *f);
/* A stream was joined, or lost: the newest that stands, or NULL. */
void listen_linked(struct forwarder *f, struct vpnkit_mux *newest);

/* --- flows.c --- */
void flows_init(struct flows *f, struct loop *loop);
void flows_close(struct flows *f);
/* Datagrams of a channel or of a dedicated connection, to this destination and back, until the peer ends it. */
void flows_channel(struct flows *f, struct vpnkit_channel *c, const struct vpnkit_destination *to);
void flows_dedicated(struct flows *f, int fd, const struct vpnkit_destination *to);
