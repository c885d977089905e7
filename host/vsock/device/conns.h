/* The connections of the device: each joins a port of the guest and a Unix socket of the host.
 *
 * The device above hands in what comes (a client of the host, a packet of the guest), and gives turns: connections that
 * have something for the guest are in a list, each in turn puts at most a quantum into the receive ring, then goes to
 * the end of the list. Two callbacks lead back up: `dial` asks for the host's socket that the guest wants to reach, and
 * `wake` says that the list is not empty any more, or that bytes of the guest have been given on.
 *
 * How one connection works stands in conn_private.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fill.h"
#include "list.h"
#include "loop.h"
#include "table.h"

enum { CONNS_MAX = 65536 }; /* at once */

/* Credit given out to all connections together is about CREDIT_TOTAL; each gets between the two bounds. */
enum { CREDIT_TOTAL = 128 << 20, CREDIT_MAX = 256 << 10, CREDIT_MIN = 16 << 10 };

/* What the guest holds unread, of all streams together, is kept to about FLIGHT_TOTAL: each stream may have a share of
 * what the others leave. */
enum { FLIGHT_TOTAL = 32 << 20, FLIGHT_SHARES = 8, FLIGHT_MIN = 16 << 10 };

enum dial { DIAL_DONE, DIAL_LATER, DIAL_REFUSED };

/* The socket that the guest reaches under this port of the host. DIAL_DONE: *fd is connected, non-blocking, and the
 * caller's. DIAL_LATER: its backlog is full, or descriptors have run out. */
typedef enum dial conns_dial_fn(void *data, uint32_t host_port, uint16_t type, int *fd);

struct conns_stats {
	uint64_t opened, refused, reset;
	uint64_t to_guest, to_host; /* bytes of payload */
};

/* Of the host: wants to reach a port of the guest. */
struct conns_client {
	int fd; /* non-blocking */
	uint32_t guest_port;
	uint16_t type; /* enum vsock_type */
	bool greet;    /* the client waits for "OK PORT" of the hybrid protocol */
};

struct conns {
	struct loop *loop;
	uint32_t cid; /* the guest's */
	conns_dial_fn *dial;
	void *dial_data;
	void (*wake)(void *data);
	void *wake_data;
	struct fill_ring ring;
	struct table table;
	size_t total; /* connections, also those that drain and are not in the table any more */
	struct conns_stats stats;
	/* private */
	bool first;           /* nothing has been put into the receive ring in this round */
	uint64_t flight;      /* bytes sent to the guest that it has not said it has read */
	struct list ready;    /* connections with something for the guest */
	struct list draining; /* connections that the guest has done with */
};

/* Fill the first six fields before. */
int conns_init(struct conns *all, struct error *err);
/* Ends all of them. Legal on zeroes. */
void conns_free(struct conns *all);
/* The guest has forgotten everything: all that it knows end. */
void conns_reset(struct conns *all);

/* A connection for this client; the descriptor is taken over in any case. False: refused, the descriptor is closed. */
bool conns_connect(struct conns *all, const struct conns_client *client);
/* A packet of the guest; the payload's pieces (h->len bytes) are changed. False: no connection takes it, and RST is the
 * answer. */
bool conns_packet(struct conns *all, const struct vsock_header *h, struct iovec *iov, int iov_count);

/* A round of turns starts. */
static inline void conns_round(struct conns *all)
{
	all->first = true;
}
/* Whether a connection waits for its turn. */
static inline bool conns_waiting(const struct conns *all)
{
	return !list_empty(&all->ready);
}
/* The turn of the one that has waited longest. False: the ring is full, and the turn is not over. */
bool conns_turn(struct conns *all);
