/* The device's side of a virtqueue, split or packed, in guest memory. VIRTIO 1.2, sections 2.6 to 2.8; the in-flight
 * record is that of the vhost-user protocol ("Inflight I/O tracking").
 *
 * The driver at the other end may be hostile and writes to the same memory at any time. Each descriptor is read once,
 * into a copy, and checked there; what a chain points to lies in guest memory or the chain is not handed out. A ring
 * that makes no sense becomes broken: it hands out nothing more until it is started again.
 *
 * Chains are completed in the order in which they are handed out. Order of calls:
 *   virtqueue_start, then (virtqueue_pop, virtqueue_push or virtqueue_unpop) repeatedly, virtqueue_flush after a
 *   batch of pushes and before the end, virtqueue_stop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "error.h"
#include "guest_memory.h"

enum {
	VIRTQUEUE_SIZE_MAX = 32768,
	VIRTQUEUE_IOV_MAX = 256, /* pieces of one chain; a driver's own limit is the queue size or less */
};

#define VIRTIO_F_RING_INDIRECT  (UINT64_C(1) << 28)
#define VIRTIO_F_RING_EVENT_IDX (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1      (UINT64_C(1) << 32)
#define VIRTIO_F_RING_PACKED    (UINT64_C(1) << 34)

/* Buffers of one request: pieces that the device reads come first, then those that it writes. */
struct virtqueue_chain {
	struct iovec *iov; /* the caller's array */
	uint32_t out_count, in_count;
	size_t out_bytes, in_bytes;
	/* private */
	uint16_t id;    /* head descriptor (split) or buffer id (packed) */
	uint16_t slots; /* ring entries it takes (packed) */
	uint16_t entry; /* place in the in-flight record (packed) */
	bool again;     /* from the in-flight record of an earlier life */
};

struct virtqueue_layout {
	uint16_t size;                 /* entries */
	uint64_t desc, driver, device; /* addresses of the front-end: descriptor table, available and used ring (split);
					  ring, driver's and device's event structure (packed) */
	uint64_t features;             /* negotiated */
	uint32_t base;                 /* where the device goes on, as vhost-user's VRING_BASE */
};

struct vring_desc;

struct virtqueue {
	const char *broken; /* why the ring is not served any more; NULL: it is */
	bool started;
	uint16_t size; /* entries */
	/* private */
	const struct guest_memory *memory;
	bool packed, event_idx, indirect;
	uint8_t *desc, *driver, *device;
	uint16_t avail, used;       /* free-running (split) or slots (packed) */
	bool avail_wrap, used_wrap; /* packed */
	uint32_t pushed;            /* not yet flushed: entries (split), slots (packed) */
	uint16_t signalled;         /* `used` when the driver was last told */
	bool signalled_valid;
	/* in-flight record: shared memory, or NULL */
	uint8_t *inflight;
	uint64_t counter;
	uint16_t batch;  /* heads pushed whose mark is still set */
	uint16_t *again; /* chains to hand out before those of the ring, oldest first */
	uint16_t again_count, again_next;
};

/* Checks and translates the layout. The memory must stay, and stay mapped, until virtqueue_stop() or another start;
 * a change of the table calls for virtqueue_remap(). */
int virtqueue_start(struct virtqueue *vq, const struct guest_memory *memory, const struct virtqueue_layout *layout,
		    struct error *err);
/* The ring's addresses again, after the memory table changed and before the old one is unmapped. On failure it still
 * uses the old ones. */
int virtqueue_remap(struct virtqueue *vq, const struct virtqueue_layout *layout, struct error *err);
/* Frees what start allocated. Returns the base to go on from. Legal on one that is not started. */
uint32_t virtqueue_stop(struct virtqueue *vq);

/* The next chain. 1: there is one, 0: none, -1: the ring is broken. iov holds VIRTQUEUE_IOV_MAX pieces, or as many as
 * max says: a chain that needs more breaks the ring. */
int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain, struct iovec *iov, size_t max);
/* Gives the chain popped last back to the ring, unused; the ones before it may follow, in reverse order. Of chains that
 * were popped together, those not used go back before the others are pushed. */
void virtqueue_unpop(struct virtqueue *vq, const struct virtqueue_chain *chain);
/* Completes a chain; the driver sees it at the next flush at the latest. written: bytes put into its in pieces. */
void virtqueue_push(struct virtqueue *vq, const struct virtqueue_chain *chain, uint32_t written);
/* Publishes what was pushed. True: the driver wants to be told now. */
bool virtqueue_flush(struct virtqueue *vq);
/* Chains pushed since the last flush (split), or ring entries of them (packed). */
static inline uint32_t virtqueue_pushed(const struct virtqueue *vq)
{
	return vq->pushed;
}
/* Whether there is something to pop. */
bool virtqueue_pending(const struct virtqueue *vq);
/* Asks the driver for a kick when it adds a chain, or not to kick. Returns, for on, whether one came in between:
 * no kick will come for that one. */
bool virtqueue_kicks(struct virtqueue *vq, bool on);

/* --- in-flight record ---------------------------------------------------------------------------------------- */

/* Bytes of one queue's record; the records of a device's queues follow each other. A multiple of 64. */
size_t virtqueue_inflight_size(bool packed, uint16_t size);
/* Attaches a record (virtqueue_inflight_size() bytes, aligned to 8) to a queue that was just started. Fresh memory
 * (all zero) is initialised. Otherwise chains that an earlier life took and did not complete are handed out again,
 * and the position in the ring follows from the record instead of the layout's base. */
int virtqueue_inflight_attach(struct virtqueue *vq, uint8_t *record, struct error *err);
/* The ring is stopped in order, with nothing in flight: the record becomes fresh again, so that only a device that died
 * leaves one to go on from. */
void virtqueue_inflight_clear(struct virtqueue *vq);
/* The record's memory goes; the queue runs on without. Chains of a packed ring that wait to be handed out again are in
 * the record only, and go with it. */
void virtqueue_inflight_detach(struct virtqueue *vq);
