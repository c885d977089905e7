#include "virtqueue_private.h"

/* Driver's and device's event structure: a ring position with its wrap counter in bit 15, then what is wanted. */
enum { EVENT_POSITION = 0, EVENT_FLAGS = 2, EVENTS_ON = 0, EVENTS_OFF = 1, EVENTS_AT = 2 };

static uint8_t *slot_flags(const struct virtqueue *vq, uint16_t slot)
{
	return vq->desc + slot * sizeof(struct vring_desc) + 14;
}

bool packed_pending(const struct virtqueue *vq)
{
	uint16_t flags = ring_load(slot_flags(vq, vq->avail));

	return !!(flags & DESC_AVAIL) == vq->avail_wrap && !!(flags & DESC_USED) != vq->avail_wrap;
}

int packed_pop(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max)
{
	struct vring_desc d;
	uint16_t slot = vq->avail;

	if (!packed_pending(vq))
		return 0;
	do {
		if (chain->slots == vq->size)
			return virtqueue_break(vq, "chain that does not end");
		d = desc_read(vq->desc, slot);
		if (chain_add_packed(vq, chain, max, &d) < 0)
			return -1;
		chain->slots++;
		chain->id = d.packed.id;
		inflight_take_packed(vq, chain, &d, !(d.packed.flags & DESC_NEXT));
		slot = slot + 1 == vq->size ? 0 : slot + 1;
	} while (d.packed.flags & DESC_NEXT);
	if (slot <= vq->avail)
		vq->avail_wrap = !vq->avail_wrap;
	vq->avail = slot;
	return 1;
}

void packed_unpop(struct virtqueue *vq, const struct virtqueue_chain *chain)
{
	if (vq->avail < chain->slots) {
		vq->avail += vq->size;
		vq->avail_wrap = !vq->avail_wrap;
	}
	vq->avail -= chain->slots;
}

/* Each descriptor is the driver's as soon as its flags are written. */
void packed_push(struct virtqueue *vq, const struct virtqueue_chain *chain, uint32_t written)
{
	uint16_t flags = (uint16_t)((vq->used_wrap ? DESC_AVAIL | DESC_USED : 0) | (written > 0 ? DESC_WRITE : 0));
	uint16_t slot = vq->used;
	uint8_t *d = vq->desc + slot * sizeof(struct vring_desc);

	memcpy(d + 8, &written, 4);
	memcpy(d + 12, &chain->id, 2);
	vq->pushed += chain->slots;
	vq->used += chain->slots;
	if (vq->used >= vq->size) {
		vq->used -= vq->size;
		vq->used_wrap = !vq->used_wrap;
	}
	inflight_prepare(vq);
	ring_store(slot_flags(vq, slot), flags);
	inflight_commit(vq);
}

bool packed_flush(struct virtqueue *vq)
{
	uint16_t position, flags, event, old = vq->signalled;
	bool valid = vq->signalled_valid && vq->pushed <= vq->size;

	vq->pushed = 0;
	vq->signalled = vq->used;
	vq->signalled_valid = true;
	ring_fence();
	flags = ring_load(vq->driver + EVENT_FLAGS);
	if (flags != EVENTS_AT)
		return flags == EVENTS_ON;
	position = ring_load(vq->driver + EVENT_POSITION);
	event = position & 0x7fff;
	/* Counted from the lap that `used` is in, positions of the lap before are negative. */
	if ((position >> 15 & 1) != vq->used_wrap)
		event -= vq->size;
	if (old >= vq->used)
		old -= vq->size;
	return !valid || (uint16_t)(vq->used - event - 1) < (uint16_t)(vq->used - old);
}

void packed_kicks(struct virtqueue *vq, bool on)
{
	if (on && vq->event_idx)
		ring_store(vq->device + EVENT_POSITION, (uint16_t)(vq->avail | (vq->avail_wrap ? 0x8000 : 0)));
	ring_store(vq->device + EVENT_FLAGS, !on ? EVENTS_OFF : vq->event_idx ? EVENTS_AT : EVENTS_ON);
}
