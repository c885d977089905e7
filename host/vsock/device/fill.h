/* Places in the receive ring, and packets of the host put into them.
 *
 * fill_begin takes as many receive buffers off the ring as the payload needs, fill_iov says where the payload goes, so
 * that one recvmsg(2) reads from a socket straight into the guest's memory, and fill_end writes the headers and hands
 * the buffers to the guest; buffers that stay unused go back to the ring. fill_cancel gives all of them back. Nothing
 * else takes buffers between fill_begin and fill_end or fill_cancel. */
#pragma once

#include <stdbool.h>

#include "virtio_vsock.h"
#include "virtqueue.h"

enum {
	FILL_CHAINS = 32, /* receive buffers filled by one read */
	FILL_IOV = 1024,  /* pieces that one read takes */
};

/* The receive ring, with memory for the pieces of what is taken from it. */
struct fill_ring {
	struct virtqueue *queue; /* NULL: it does not run */
	/* private */
	struct iovec chain_iov[FILL_CHAINS][VIRTQUEUE_IOV_MAX];
	struct iovec iov[FILL_IOV];
};

struct fill {
	struct fill_ring *ring;
	struct virtqueue_chain chains[FILL_CHAINS];
	size_t count;
	size_t room; /* bytes of payload that fit */
};

/* Takes receive buffers for up to `bytes` of payload (0: one packet without any). False: the ring has none now. */
bool fill_begin(struct fill *f, struct fill_ring *ring, size_t bytes);
/* Where up to `bytes` of payload go: the pieces, and their number in *count. They are valid until the next fill. */
struct iovec *fill_iov(const struct fill *f, size_t bytes, int *count);
/* Sends packets with `bytes` of payload in all (0: one packet without any), each with the header h but its own len.
 * last_flags: flags of the last of them. */
void fill_end(struct fill *f, struct vsock_header *h, size_t bytes, uint32_t last_flags);
void fill_cancel(struct fill *f);
