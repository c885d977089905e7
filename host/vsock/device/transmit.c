#include "transmit.h"

#include <string.h>

enum {
	BATCH = 128,        /* packets of the guest in one round of the loop */
	LATE_US = 10000,    /* before they are given back, unless they are many, */
	LATE_BYTES = 16384, /* or large: Linux wakes a writer only when little is out */
};

/* --- one packet --------------------------------------------------------------------------------------------------- */

/* Copies the header out and leaves the pieces of the payload. False: too short. */
static bool header_take(struct virtqueue_chain *chain, struct vsock_header *h)
{
	uint8_t bytes[VSOCK_HEADER_SIZE];
	size_t done = 0;
	struct iovec *v = chain->iov;

	if (chain->out_bytes < sizeof(bytes))
		return false;
	while (done < sizeof(bytes)) {
		size_t part = sizeof(bytes) - done;

		if (v->iov_len < part)
			part = v->iov_len;
		memcpy(bytes + done, v->iov_base, part);
		done += part;
		v->iov_base = (char *)v->iov_base + part;
		v->iov_len -= part;
		if (v->iov_len == 0) {
			v++;
			chain->out_count--;
		}
	}
	chain->iov = v;
	chain->out_bytes -= sizeof(bytes);
	vsock_header_parse(bytes, h);
	return true;
}

/* Cuts the pieces to exactly len bytes; there are at least as many. */
static int payload_cut(struct virtqueue_chain *chain, uint32_t len)
{
	int n = 0;

	while (len > 0) {
		struct iovec *v = &chain->iov[n++];

		if (v->iov_len > len)
			v->iov_len = len;
		len -= (uint32_t)v->iov_len;
	}
	return n;
}

/* A packet that does not say it comes from the guest has no answer. */
static void packet_take(struct vsock_device *dev, struct virtqueue_chain *chain)
{
	struct vsock_header h;
	int pieces = 0;

	if (!header_take(chain, &h) || h.src_cid != dev->conns.cid)
		return;
	if (h.op == VSOCK_OP_RW && h.len > chain->out_bytes)
		h.op = VSOCK_OP_INVALID; /* ends the connection */
	if (h.op == VSOCK_OP_RW)
		pieces = payload_cut(chain, h.len);
	if (h.dst_cid != VSOCK_CID_HOST || (h.type != VSOCK_STREAM && h.type != VSOCK_SEQPACKET) ||
	    !conns_packet(&dev->conns, &h, chain->iov, pieces))
		resets_add(&dev->resets, &h);
}

/* --- the ring ----------------------------------------------------------------------------------------------------- */

/* Gives back what the guest sent. */
static void packets_return(struct loop_timer *t)
{
	struct vsock_device *dev = t->data;
	struct virtqueue *q = dev->queues[VSOCK_TX];

	loop_timer_disarm(t);
	dev->tx_bytes = 0;
	if (q && virtqueue_flush(q))
		dev->notify(dev->ring_data, VSOCK_TX);
}

int transmit_run(struct vsock_device *dev)
{
	struct virtqueue *q = dev->queues[VSOCK_TX];
	int left = BATCH, r = 0;

	if (!q)
		return 0;
	virtqueue_kicks(q, false);
	while (left > 0) {
		struct virtqueue_chain chain, rest;

		r = virtqueue_pop(q, &chain, dev->chain_iov, VIRTQUEUE_IOV_MAX);
		if (r <= 0)
			break;
		rest = chain;
		dev->tx_bytes += chain.out_bytes;
		packet_take(dev, &rest);
		virtqueue_push(q, &chain, 0);
		left--;
	}
	if (virtqueue_pushed(q) >= q->size / 4u || dev->tx_bytes >= LATE_BYTES ||
	    (virtqueue_pushed(q) > 0 && !loop_timer_armed(&dev->late) &&
	     loop_timer_after(dev->conns.loop, &dev->late, LATE_US, NULL) < 0))
		packets_return(&dev->late);
	return r < 0 ? -1 : left == 0;
}

/* --- polling the guest's packets ---------------------------------------------------------------------------------- */

bool transmit_pending(const struct vsock_device *dev)
{
	struct virtqueue *q = dev->queues[VSOCK_TX];

	return q && virtqueue_pending(q);
}

static bool poll_pending(void *data)
{
	return transmit_pending(data);
}

static bool poll_arm(void *data)
{
	struct vsock_device *dev = data;
	struct virtqueue *q = dev->queues[VSOCK_TX];

	return q && virtqueue_kicks(q, true);
}

void transmit_init(struct vsock_device *dev, void (*ready)(void *data))
{
	dev->late = (struct loop_timer){ .fn = packets_return, .data = dev };
	dev->poll = (struct loop_poll){
		.limit_us = dev->poll_us, .pending = poll_pending, .arm = poll_arm, .fn = ready, .data = dev
	};
	loop_poll_set(dev->conns.loop, &dev->poll);
}

void transmit_free(struct vsock_device *dev)
{
	loop_timer_disarm(&dev->late);
}
