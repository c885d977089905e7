/* The record of chains that were taken from a ring and not completed, in memory that outlives the device.
 *
 * Split ring: a header and one entry a descriptor; `inflight` of a head's entry says that it is out. What a batch
 * completes is linked first, then the ring's index is published, then the marks are cleared: whoever finds index and
 * record apart knows that the marks of the last batch are stale.
 *
 * Packed ring: the driver may overwrite descriptors that were taken, so the record keeps copies, in a list of free and
 * used entries; each change is made to a second set of positions and then confirmed in the first ("old"). */
#include <errno.h>
#include <stdlib.h>

#include "virtqueue_private.h"

enum { VERSION = 1 };

struct record_header {
	uint64_t features;
	uint16_t version, desc_num;
	union {
		struct {
			uint16_t last_batch_head, used_idx;
		} split;
		struct {
			uint16_t free_head, old_free_head, used_idx, old_used_idx;
			uint8_t used_wrap, old_used_wrap, padding[7];
		} packed;
	};
};

struct split_entry {
	uint8_t inflight, padding[5];
	uint16_t next;
	uint64_t counter;
};

struct packed_entry {
	uint8_t inflight, padding;
	uint16_t next, last, num;
	uint64_t counter;
	uint16_t id, flags;
	uint32_t len;
	uint64_t addr;
};

enum { SPLIT_ENTRIES = 16, PACKED_ENTRIES = 32 };
static_assert(offsetof(struct record_header, split.used_idx) == 14 && sizeof(struct split_entry) == 16, "split record");
static_assert(sizeof(struct record_header) == PACKED_ENTRIES && sizeof(struct packed_entry) == 32, "packed record");

/* Another life reads this memory: what is written before must not be moved behind. */
#define ordered() __asm__ volatile("" ::: "memory")

static struct record_header *record_header_of(const struct virtqueue *vq)
{
	return (struct record_header *)(void *)vq->inflight;
}

static struct split_entry *split_entries(const struct virtqueue *vq)
{
	return (struct split_entry *)(void *)(vq->inflight + SPLIT_ENTRIES);
}

static struct packed_entry *packed_entries(const struct virtqueue *vq)
{
	return (struct packed_entry *)(void *)(vq->inflight + PACKED_ENTRIES);
}

size_t virtqueue_inflight_size(bool packed, uint16_t size)
{
	size_t bytes = packed ? PACKED_ENTRIES + size * sizeof(struct packed_entry)
			      : SPLIT_ENTRIES + size * sizeof(struct split_entry);

	return (bytes + 63) & ~(size_t)63;
}

/* --- while it runs ---------------------------------------------------------------------------------------------- */

void inflight_take(struct virtqueue *vq, struct virtqueue_chain *chain)
{
	struct split_entry *e;

	if (!vq->inflight)
		return;
	e = &split_entries(vq)[chain->id];
	e->counter = vq->counter++;
	ordered();
	e->inflight = 1;
}

/* Entry numbers come from shared memory: one that makes no sense ends the ring, not the device. */
static struct packed_entry *entry_at(struct virtqueue *vq, uint16_t i)
{
	if (i < vq->size)
		return &packed_entries(vq)[i];
	virtqueue_break(vq, "in-flight record");
	return NULL;
}

void inflight_take_packed(struct virtqueue *vq, struct virtqueue_chain *chain, const struct vring_desc *d, bool last)
{
	struct record_header *h = record_header_of(vq);
	struct packed_entry *head, *e;

	if (!vq->inflight)
		return;
	head = entry_at(vq, h->packed.old_free_head);
	e = entry_at(vq, h->packed.free_head);
	if (!head || !e)
		return;
	if (chain->slots == 1) {
		chain->entry = (uint16_t)(head - packed_entries(vq)); /* as it was checked */
		head->num = 0;
		head->counter = vq->counter++;
		head->inflight = 1;
	}
	if (last)
		head->last = h->packed.free_head;
	head->num++;
	e->addr = d->addr;
	e->len = d->len;
	e->flags = d->packed.flags;
	e->id = d->packed.id;
	ordered();
	h->packed.free_head = e->next;
	if (last)
		h->packed.old_free_head = h->packed.free_head;
}

void inflight_untake(struct virtqueue *vq, const struct virtqueue_chain *chain)
{
	if (!vq->inflight)
		return;
	if (!vq->packed) {
		split_entries(vq)[chain->id].inflight = 0;
		return;
	}
	record_header_of(vq)->packed.free_head = chain->entry;
	record_header_of(vq)->packed.old_free_head = chain->entry;
	packed_entries(vq)[chain->entry].inflight = 0;
}

void inflight_give(struct virtqueue *vq, const struct virtqueue_chain *chain)
{
	struct record_header *h = record_header_of(vq);
	struct packed_entry *last;

	if (!vq->inflight)
		return;
	vq->batch++;
	if (!vq->packed) {
		split_entries(vq)[chain->id].next = h->split.last_batch_head;
		ordered();
		h->split.last_batch_head = chain->id;
		return;
	}
	last = entry_at(vq, packed_entries(vq)[chain->entry].last);
	if (!last)
		return;
	last->next = h->packed.free_head;
	ordered();
	h->packed.free_head = chain->entry;
}

void inflight_prepare(struct virtqueue *vq)
{
	if (!vq->inflight)
		return;
	record_header_of(vq)->packed.used_idx = vq->used;
	record_header_of(vq)->packed.used_wrap = vq->used_wrap;
	ordered();
}

static void clear_split_batch(struct virtqueue *vq, uint16_t count)
{
	uint16_t i = record_header_of(vq)->split.last_batch_head;

	for (; count > 0 && i < vq->size; count--) {
		struct split_entry *e = &split_entries(vq)[i];

		e->inflight = 0;
		i = e->next;
	}
}

void inflight_commit(struct virtqueue *vq)
{
	struct record_header *h = record_header_of(vq);
	struct packed_entry *e;

	if (!vq->inflight)
		return;
	ordered();
	if (vq->packed) {
		e = entry_at(vq, h->packed.free_head);
		if (e)
			e->inflight = 0;
		h->packed.old_free_head = h->packed.free_head;
		h->packed.old_used_idx = h->packed.used_idx;
		h->packed.old_used_wrap = h->packed.used_wrap;
	} else {
		clear_split_batch(vq, vq->batch);
		ordered();
		h->split.used_idx = vq->used;
	}
	vq->batch = 0;
}

/* --- the next life ---------------------------------------------------------------------------------------------- */

struct waiting {
	uint64_t counter;
	uint16_t entry;
};

static int by_counter(const void *a, const void *b)
{
	uint64_t x = ((const struct waiting *)a)->counter, y = ((const struct waiting *)b)->counter;

	return x < y ? -1 : x > y;
}

static uint64_t entry_counter(const struct virtqueue *vq, uint16_t i)
{
	return vq->packed ? packed_entries(vq)[i].counter : split_entries(vq)[i].counter;
}

static bool entry_inflight(const struct virtqueue *vq, uint16_t i)
{
	return vq->packed ? packed_entries(vq)[i].inflight : split_entries(vq)[i].inflight;
}

/* Fills vq->again with the entries that are out, oldest first. */
static int record_collect(struct virtqueue *vq, struct error *err)
{
	_cleanup_free_ struct waiting *w = calloc(vq->size, sizeof(*w));
	uint16_t i, n = 0;

	vq->again = calloc(vq->size, sizeof(*vq->again));
	if (!w || !vq->again)
		return error_set(err, ENOMEM, "in-flight record");
	for (i = 0; i < vq->size; i++)
		if (entry_inflight(vq, i))
			w[n++] = (struct waiting){ entry_counter(vq, i), i };
	qsort(w, n, sizeof(*w), by_counter);
	for (i = 0; i < n; i++)
		vq->again[i] = w[i].entry;
	vq->again_count = n;
	vq->counter = n > 0 ? w[n - 1].counter + 1 : 0;
	return 0;
}

static int resume_split(struct virtqueue *vq, struct error *err)
{
	struct record_header *h = record_header_of(vq);
	uint16_t unconfirmed = (uint16_t)(vq->used - h->split.used_idx);

	if (unconfirmed > vq->size)
		return error_set(err, EINVAL, "in-flight record of another ring");
	clear_split_batch(vq, unconfirmed);
	h->split.used_idx = vq->used;
	if (record_collect(vq, err) < 0)
		return -1;
	vq->avail = (uint16_t)(vq->used + vq->again_count);
	return 0;
}

/* What was being completed when the other life ended: the ring tells whether the driver has seen it. */
static void settle_packed(struct virtqueue *vq, struct record_header *h)
{
	uint16_t flags, i, steps;

	if (h->packed.used_idx != h->packed.old_used_idx && h->packed.old_used_idx < vq->size) {
		flags = ring_load(vq->desc + h->packed.old_used_idx * sizeof(struct vring_desc) + 14);
		if (!!(flags & DESC_AVAIL) != !!h->packed.old_used_wrap ||
		    !!(flags & DESC_USED) == !!h->packed.old_used_wrap) {
			h->packed.old_free_head = h->packed.free_head;
			h->packed.old_used_idx = h->packed.used_idx;
			h->packed.old_used_wrap = h->packed.used_wrap;
		}
	}
	h->packed.free_head = h->packed.old_free_head;
	h->packed.used_idx = h->packed.old_used_idx;
	h->packed.used_wrap = h->packed.old_used_wrap;
	for (i = h->packed.free_head, steps = 0; i < vq->size && steps < vq->size; steps++) {
		packed_entries(vq)[i].inflight = 0;
		i = packed_entries(vq)[i].next;
	}
}

static int resume_packed(struct virtqueue *vq, struct error *err)
{
	struct record_header *h = record_header_of(vq);
	uint32_t slots = 0;
	uint16_t i;

	settle_packed(vq, h);
	if (record_collect(vq, err) < 0)
		return -1;
	for (i = 0; i < vq->again_count; i++)
		slots += packed_entries(vq)[vq->again[i]].num;
	if (slots > vq->size || h->packed.used_idx >= vq->size)
		return error_set(err, EINVAL, "in-flight record of another ring");
	vq->used = h->packed.used_idx;
	vq->used_wrap = h->packed.used_wrap;
	vq->avail = (uint16_t)(vq->used + slots);
	vq->avail_wrap = vq->used_wrap;
	if (vq->avail >= vq->size) {
		vq->avail -= vq->size;
		vq->avail_wrap = !vq->avail_wrap;
	}
	return 0;
}

int virtqueue_inflight_attach(struct virtqueue *vq, uint8_t *record, struct error *err)
{
	struct record_header *h = (struct record_header *)(void *)record;
	uint16_t i;

	vq->inflight = record;
	if (h->version == VERSION && h->desc_num == vq->size)
		return vq->packed ? resume_packed(vq, err) : resume_split(vq, err);
	if (h->version != 0) {
		vq->inflight = NULL;
		return error_set(err, EINVAL, "in-flight record of version %u for %u descriptors", h->version,
				 h->desc_num);
	}
	memset(record, 0, virtqueue_inflight_size(vq->packed, vq->size));
	h->desc_num = vq->size;
	if (vq->packed) {
		h->packed.used_idx = h->packed.old_used_idx = vq->used;
		h->packed.used_wrap = h->packed.old_used_wrap = vq->used_wrap;
		for (i = 0; i < vq->size; i++)
			packed_entries(vq)[i].next = (uint16_t)(i + 1);
	} else {
		h->split.used_idx = vq->used;
	}
	ordered();
	h->version = VERSION;
	return 0;
}

void virtqueue_inflight_clear(struct virtqueue *vq)
{
	uint16_t i;

	if (!vq->inflight)
		return;
	for (i = 0; i < vq->size; i++)
		if (entry_inflight(vq, i))
			return;
	record_header_of(vq)->version = 0;
}

void virtqueue_inflight_detach(struct virtqueue *vq)
{
	vq->inflight = NULL;
	if (vq->packed)
		vq->again_count = vq->again_next = 0;
}

int inflight_again(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max)
{
	uint16_t entry = vq->again[vq->again_next], i, n;
	const struct packed_entry *e;

	chain->again = true;
	if (!vq->packed) {
		chain->id = entry;
		if (chain_walk_split(vq, chain, max) < 0)
			return -1;
	} else {
		chain->entry = entry;
		n = *(volatile const uint16_t *)&packed_entries(vq)[entry].num;
		if (n == 0 || n > vq->size) { /* others can write to it: not what it was when it was counted */
			virtqueue_break(vq, "in-flight record");
			return -1;
		}
		for (i = entry; chain->slots < n; i = e->next) {
			struct vring_desc d;

			e = entry_at(vq, i);
			if (!e)
				return -1;
			d = (struct vring_desc){ e->addr, e->len, .packed = { e->id, e->flags } };
			if (chain_add_packed(vq, chain, max, &d) < 0)
				return -1;
			chain->slots++;
			chain->id = e->id;
		}
	}
	vq->again_next++;
	return 1;
}
