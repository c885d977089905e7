/* The virtio socket device: packets of the guest's rings to Unix sockets of the host and back. VIRTIO 1.2,
 * section 5.10.
 *
 * The rings come and go with the vhost-user connection (backend.h); clients of the host come from the listening sockets
 * (sockets.h). This part moves packets between rings and connections (conns.h):
 *
 *     a kick, or the loop sees packets in memory (loop_poll) ---+
 *     a connection has something to say (conns.wake) -----------+--> device_wake: due at the end of the loop's round
 *     a ring starts (device_ring) ------------------------------+         |
 *                                                                         v
 *     device_work:  1. event ring     "all connections are gone", once, when they are
 *                   2. transmit ring  a batch of the guest's packets, in order (transmit.c)
 *                   3. receive ring   resets, then a turn for each connection that waits, until the ring is full
 *                   more to do, and the guest has not been asked for a kick: once more in the next round
 *
 * So all work is done once per round of the event loop, after every source has been heard, and the loop is never held
 * for long. When the receive ring is full, the guest is asked for a kick.
 *
 * What the guest sent is given back to it late: it only frees memory, and each time costs it an interrupt. As long as
 * its packets follow each other closely the device looks for them by itself, and the guest does not kick. */
#pragma once

#include "conns.h"
#include "resets.h"

struct vsock_device {
	struct conns conns; /* fill loop, cid, dial and dial_data */
	uint32_t poll_us;   /* how long it looks for the guest's packets by itself; 0: never */
	/* tells the front-end that there is something in the ring; that a ring makes no sense */
	void (*notify)(void *data, enum vsock_queue queue);
	void (*broken)(void *data, enum vsock_queue queue, const char *why);
	void *ring_data;
	struct virtqueue *queues[VSOCK_QUEUES]; /* NULL: not running */
	/* private */
	bool driver_seen; /* rings have run since the last reset: a guest is there, though it may be paused */
	struct loop_timer work, late;
	struct loop_poll poll;
	bool working;
	bool lost;       /* the guest may know connections that are gone: tell it when there is an event queue */
	size_t tx_bytes; /* taken from the guest and not given back */
	struct resets resets;
	struct iovec chain_iov[VIRTQUEUE_IOV_MAX]; /* of one chain of the transmit or the event ring */
};

/* Fill connections and poll_us first; the back-end sets the callbacks. */
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

/* A client of the host wants a connection: takes over the descriptor in any case. False: refused, it is closed. */
bool device_connect(struct vsock_device *dev, const struct conns_client *client);
