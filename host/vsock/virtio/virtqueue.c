#include "virtqueue_private.h"

#include <errno.h>
#include <stdlib.h>

/* Split rings: available ring is flags, idx, ring[size], used_event; used ring is flags, idx, {id, len}[size],
 * avail_event. */
enum { RING_FLAGS = 0, RING_IDX = 2, RING_ENTRIES = 4, NO_NOTIFY = 1 };

static uint8_t *used_event(const struct virtqueue *vq)
{
	return vq->driver + RING_ENTRIES + 2 * (size_t)vq->size;
}
static uint8_t *avail_event(const struct virtqueue *vq)
{
	return vq->device + RING_ENTRIES + 8 * (size_t)vq->size;
}

/* --- start and stop ------------------------------------------------------------------------------------------ */

static uint8_t *ring_at(const struct guest_memory *m, uint64_t user, uint64_t len, unsigned align, const char *what,
			struct error *err)
{
	uint8_t *p = guest_memory_user(m, user, len);

	if (!p)
		error_set(err, EFAULT, "%s of the ring", what);
	else if ((uintptr_t)p % align != 0) {
		error_set(err, EINVAL, "%s of the ring is not aligned", what);
		p = NULL;
	}
	return p;
}

int virtqueue_remap(struct virtqueue *vq, const struct virtqueue_layout *l, struct error *err)
{
	const struct guest_memory *m = vq->memory;
	uint64_t driver_len = vq->packed ? 4 : RING_ENTRIES + 2 * (uint64_t)vq->size + (vq->event_idx ? 2 : 0);
	uint64_t device_len = vq->packed ? 4 : RING_ENTRIES + 8 * (uint64_t)vq->size + (vq->event_idx ? 2 : 0);

	uint8_t *desc = ring_at(m, l->desc, 16 * (uint64_t)vq->size, 16, "descriptors", err);
	uint8_t *driver = ring_at(m, l->driver, driver_len, vq->packed ? 4 : 2, "driver area", err);
	uint8_t *device = ring_at(m, l->device, device_len, 4, "device area", err);

	if (!desc || !driver || !device)
		return -1;
	vq->desc = desc;
	vq->driver = driver;
	vq->device = device;
	return 0;
}

int virtqueue_start(struct virtqueue *vq, const struct guest_memory *memory, const struct virtqueue_layout *l,
		    struct error *err)
{
	virtqueue_stop(vq);
	*vq = (struct virtqueue){
		.memory = memory,
		.size = l->size,
		.packed = l->features & VIRTIO_F_RING_PACKED,
		.event_idx = l->features & VIRTIO_F_RING_EVENT_IDX,
		.indirect = l->features & VIRTIO_F_RING_INDIRECT,
	};
	if (l->size == 0 || l->size > VIRTQUEUE_SIZE_MAX || (!vq->packed && (l->size & (l->size - 1))))
		return error_set(err, EINVAL, "ring size %u", l->size);
	if (virtqueue_remap(vq, l, err) < 0)
		return -1;
	vq->avail = (uint16_t)l->base;
	if (vq->packed) {
		vq->avail = l->base & 0x7fff;
		vq->avail_wrap = l->base >> 15 & 1;
		vq->used = l->base >> 16 & 0x7fff;
		vq->used_wrap = l->base >> 31 & 1;
		if (vq->avail >= vq->size || vq->used >= vq->size)
			return error_set(err, ERANGE, "ring position 0x%x", l->base);
	} else {
		vq->used = ring_load(vq->device + RING_IDX);
	}
	vq->started = true;
	return 0;
}

uint32_t virtqueue_stop(struct virtqueue *vq)
{
	uint32_t base = vq->avail;

	if (vq->packed)
		base |= (uint32_t)vq->avail_wrap << 15 | (uint32_t)vq->used << 16 | (uint32_t)vq->used_wrap << 31;
	free(vq->again);
	vq->again = NULL;
	vq->again_count = vq->again_next = 0;
	vq->inflight = NULL;
	vq->started = false;
	return base;
}

/* --- chains -------------------------------------------------------------------------------------------------- */

static int split_pop(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max)
{
	uint16_t waiting = (uint16_t)(ring_load(vq->driver + RING_IDX) - vq->avail);

	if (waiting == 0)
		return 0;
	if (waiting > vq->size)
		return virtqueue_break(vq, "available index");
	chain->id = ring_load(vq->driver + RING_ENTRIES + 2 * (size_t)(vq->avail & (vq->size - 1)));
	if (chain->id >= vq->size)
		return virtqueue_break(vq, "head descriptor");
	if (chain_walk_split(vq, chain, max) < 0)
		return -1;
	vq->avail++;
	inflight_take(vq, chain);
	return 1;
}

int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain, struct iovec *iov, size_t max)
{
	if (vq->broken || !vq->started)
		return vq->broken ? -1 : 0;
	*chain = (struct virtqueue_chain){ .iov = iov };
	if (vq->again_next < vq->again_count)
		return inflight_again(vq, chain, max);
	return vq->packed ? packed_pop(vq, chain, max) : split_pop(vq, chain, max);
}

void virtqueue_unpop(struct virtqueue *vq, const struct virtqueue_chain *chain)
{
	if (chain->again) {
		vq->again_next--;
		return;
	}
	inflight_untake(vq, chain);
	if (vq->packed)
		packed_unpop(vq, chain);
	else
		vq->avail--;
}

/* --- completion ---------------------------------------------------------------------------------------------- */

void virtqueue_push(struct virtqueue *vq, const struct virtqueue_chain *chain, uint32_t written)
{
	uint32_t entry[2] = { chain->id, written };

	inflight_give(vq, chain);
	if (vq->packed) {
		packed_push(vq, chain, written);
		return;
	}
	memcpy(vq->device + RING_ENTRIES + 8 * (size_t)((vq->used + vq->pushed) & (vq->size - 1)), entry, 8);
	vq->pushed++;
}

/* Whether an index that the driver asked to hear of was passed on the way from old to new. */
static bool event_passed(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static bool split_flush(struct virtqueue *vq)
{
	uint16_t old = vq->signalled;
	bool valid = vq->signalled_valid;

	vq->used += (uint16_t)vq->pushed;
	vq->pushed = 0;
	ring_store(vq->device + RING_IDX, vq->used);
	inflight_commit(vq);
	ring_fence();
	vq->signalled = vq->used;
	vq->signalled_valid = true;
	if (!vq->event_idx)
		return !(ring_load(vq->driver + RING_FLAGS) & NO_NOTIFY);
	return !valid || event_passed(ring_load(used_event(vq)), vq->used, old);
}

bool virtqueue_flush(struct virtqueue *vq)
{
	if (vq->pushed == 0)
		return false;
	return vq->packed ? packed_flush(vq) : split_flush(vq);
}

bool virtqueue_pending(const struct virtqueue *vq)
{
	if (!vq->started || vq->broken)
		return false;
	if (vq->again_next < vq->again_count)
		return true;
	return vq->packed ? packed_pending(vq) : ring_load(vq->driver + RING_IDX) != vq->avail;
}

bool virtqueue_kicks(struct virtqueue *vq, bool on)
{
	if (!vq->started || vq->broken)
		return false;
	if (vq->packed)
		packed_kicks(vq, on);
	else if (!vq->event_idx)
		ring_store(vq->device + RING_FLAGS, on ? 0 : NO_NOTIFY);
	else if (on) /* off: an index that is not moved on is not passed again */
		ring_store(avail_event(vq), vq->avail);
	if (!on)
		return false;
	ring_fence();
	return virtqueue_pending(vq);
}
