/* What carries datagrams to the other end (udp_carrier.c), for the ports and flows that have them (udp.c). */
#pragma once

#include "udp.h"

enum carrier_state { CARRIER_NONE, CARRIER_ASKED, CARRIER_STREAM, CARRIER_CHANNEL };

/* A stream with datagrams in it, a connection or a channel. Zero-initialise, set the first ones. */
struct udp_carrier {
	struct way *way;
	const struct vpnkit_destination *to;
	int fd;     /* -1 at first; of CARRIER_STREAM */
	void *data; /* the owner's */
	void (*answered)(struct udp_carrier *c, const struct vpnkit_datagram *d);
	/* Of one that is for all flows of a port: the other end has channels, one is each flow's own, and this
	 * datagram, which waited here, has to go there. */
	void (*divided)(struct udp_carrier *c, const struct vpnkit_datagram *d);
	/* private */
	enum carrier_state state;
	struct way_wish wish;
	struct loop_io io;
	struct vpnkit_channel *channel;
	struct vpnkit_datagrams answers;
	struct buf out; /* whole datagrams, but for the first one, which may have been sent in part */
};

struct udp_flow {
	struct udp_port *port;
	uint8_t key[VPNKIT_UDP_ADDRESS]; /* of the client, as datagrams have it in front */
	size_t key_len;
	struct sockaddr_storage client;
	socklen_t client_len;
	uint64_t used;
	struct list bucket, age, place;
	struct udp_carrier carrier; /* where the other end has channels */
};

struct udp_port {
	struct udp *udp;
	struct vpnkit_destination to;
	struct loop_io io;
	struct list flows;
	struct udp_carrier shared; /* where it takes connections of their own */
};

/* False: it was dropped. */
bool udp_carrier_send(struct udp_carrier *c, const uint8_t *address, size_t address_len, const uint8_t *payload,
		      size_t n);
void udp_carrier_close(struct udp_carrier *c);
