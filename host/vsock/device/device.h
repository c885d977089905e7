/* The virtio socket device: packets of the guest's rings to Unix sockets of the host and back. VIRTIO 1.2,
 * section 5.10.
 *
 * The rings come and go with the vhost-user connection (backend.c); host clients come from the listening sockets
 * (sockets.c); each stream between the two is a connection (conn.c). This part holds the connections, moves packets
 * between rings and connections, and sees to it that each gets its turn:
 *
 *   guest to host  packets in ring order, a batch at a time, so that the loop is never held for long;
 *   host to guest  connections that have something to say are in a list; each in turn puts at most a quantum into the
 *                  ring, then goes to the end. When the ring is full, the guest is asked for a kick.
 *
 * What the guest sent is given back to it late: it only frees memory, and each time costs it an interrupt. As long as
 * its packets follow each other closely the device looks for them by itself (loop_poll), and the guest does not kick.
 *
 * All work is done once a round of the event loop, after every source has been heard (device_wake). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "list.h"
#include "loop.h"
#include "virtio_vsock.h"
#include "virtqueue.h"

struct conn;

enum {
	DEVICE_CONNS = 65536, /* at once */
	DEVICE_STRAYS =
		1024,     /* resets that wait for a place in the ring; at this number the guest's packets wait too */
	FILL_CHAINS = 32, /* receive buffers filled by one readv */
	FILL_IOV = 1024,  /* what one readv takes */
};

/* Credit given out to all connections together is about this much; each gets between the two bounds. */
enum { CREDIT_TOTAL = 128 << 20, CREDIT_MAX = 256 << 10, CREDIT_MIN = 16 << 10 };

/* What the guest holds unread, of all streams together, is kept to about FLIGHT_TOTAL: each stream may have a share of
 * what the others leave. */
enum { FLIGHT_TOTAL = 32 << 20, FLIGHT_SHARES = 8, FLIGHT_MIN = 16 << 10 };

enum dial { DIAL_DONE, DIAL_LATER, DIAL_REFUSED };

struct stray {
	uint64_t src_cid;
	uint32_t src_port, dst_port;
	uint16_t type;
};

struct device_stats {
	uint64_t opened, refused, reset;
	uint64_t to_guest, to_host; /* bytes of payload */
};

/* What is known of guest ports, a few by the same number in one place: of connections of the host that the guest took,
 * how many there are, and when the last came. */
enum { DEVICE_PORTS = 1024 };

struct device_port {
	uint32_t taken;
	uint64_t taken_us;
};

struct vsock_device {
	struct loop *loop;
	uint32_t cid;
	uint32_t poll_us; /* how long it looks for the guest's packets by itself; 0: never */
	/* connects to where the guest's connection goes: conn_attach() has been called when it is done */
	enum dial (*dial)(void *data, struct conn *c);
	/* tells the front-end that there is something in the ring; that a ring makes no sense */
	void (*notify)(void *data, enum vsock_queue queue);
	void (*broken)(void *data, enum vsock_queue queue, const char *why);
	void *dial_data, *ring_data;
	struct virtqueue *queues[VSOCK_QUEUES]; /* NULL: not running */
	bool driver_seen; /* rings have run since the last reset: a guest is there, though it may be paused */
	/* private */
	struct loop_timer work, late;
	struct loop_poll poll;
	bool working;
	bool first;               /* nothing has been put into the receive ring in this round */
	size_t tx_bytes;          /* taken from the guest and not given back */
	struct conn **table;      /* by ports; chained */
	size_t table_size, count; /* buckets; connections in the table */
	size_t total;             /* connections, also those that drain */
	uint64_t flight;          /* bytes sent to the guest that it has not said it has read */
	uint32_t next_port;
	struct device_port ports[DEVICE_PORTS];
	struct list ready;    /* connections with something for the guest */
	struct list draining; /* connections that the guest has done with */
	struct stray strays[DEVICE_STRAYS];
	size_t stray_first, stray_count;
	bool lost; /* the guest may know connections that are gone: tell it when there is an event queue */
	struct device_stats stats;
	struct iovec chain_iov[FILL_CHAINS][VIRTQUEUE_IOV_MAX];
	struct iovec fill_iov[FILL_IOV];
};

/* Fill loop, cid, poll_us and callbacks first. */
int device_init(struct vsock_device *dev, struct error *err);
void device_free(struct vsock_device *dev);

/* A ring runs (queue not NULL) or stops. The queue must stay valid until it is stopped here. */
void device_ring(struct vsock_device *dev, enum vsock_queue which, struct virtqueue *queue);
/* The guest has forgotten everything: all connections end. */
void device_reset(struct vsock_device *dev);
/* The device has forgotten everything: the guest is told. */
void device_lost(struct vsock_device *dev);
/* There is work: after this round of the loop. */
void device_wake(struct vsock_device *dev);

/* A host client wants a connection to the guest's port: takes over the descriptor in any case.
 * NULL: refused, the descriptor is closed. */
struct conn *device_connect(struct vsock_device *dev, int fd, uint32_t guest_port, uint16_t type);

/* --- for conn.c --------------------------------------------------------------------------------------------------- */

struct conn *device_find(const struct vsock_device *dev, uint32_t host_port, uint32_t guest_port);
void device_insert(struct vsock_device *dev, struct conn *c);
void device_remove(struct vsock_device *dev, struct conn *c);
/* The guest took this connection of the host; remembered until it is removed. */
void device_taken(struct vsock_device *dev, struct conn *c);
/* Whether the guest has connections that it took on that port; *when: the last one came, 0: never. */
bool device_taken_at(const struct vsock_device *dev, uint32_t guest_port, uint64_t *when);
/* Credit for one more connection. */
uint32_t device_credit(const struct vsock_device *dev);

/* Places in the receive ring: chains popped together, of which the first `used` get filled. */
struct fill {
	struct virtqueue_chain chains[FILL_CHAINS];
	size_t count;
	size_t room; /* bytes of payload that fit */
};

/* Takes receive buffers for up to `bytes` of payload (0: one packet without any). False: none there now. */
bool device_fill_begin(struct vsock_device *dev, struct fill *f, size_t bytes);
/* Where up to `bytes` of payload go, in dev->fill_iov; the number of pieces. */
int device_fill_iov(struct vsock_device *dev, const struct fill *f, size_t bytes);
/* Sends packets with `bytes` of payload in all (0: one packet without any), each with header h but its own len.
 * last_flags: flags of the last of them. Buffers that stay unused go back. */
void device_fill_end(struct vsock_device *dev, struct fill *f, struct vsock_header *h, size_t bytes,
		     uint32_t last_flags);
/* Gives all buffers back. */
void device_fill_cancel(struct vsock_device *dev, struct fill *f);
