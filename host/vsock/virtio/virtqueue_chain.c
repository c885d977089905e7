/* What descriptors point to: the pieces of a chain in guest memory. */
#include "virtqueue_private.h"

int virtqueue_break(struct virtqueue *vq, const char *why)
{
	vq->broken = why;
	return -1;
}

int chain_add(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max, uint64_t addr, uint32_t len, bool write)
{
	size_t at = chain->out_count + chain->in_count;
	ssize_t n;

	if (!write && chain->in_count > 0)
		return virtqueue_break(vq, "readable descriptor after a writable one");
	n = guest_memory_iov(vq->memory, addr, len, chain->iov + at, max - at);
	if (n < 0)
		return virtqueue_break(vq, "descriptor outside of memory, or too many of them");
	if (write) {
		chain->in_count += (uint32_t)n;
		chain->in_bytes += len;
	} else {
		chain->out_count += (uint32_t)n;
		chain->out_bytes += len;
	}
	return 0;
}

const uint8_t *chain_indirect_table(struct virtqueue *vq, uint64_t addr, uint32_t len, uint32_t *count)
{
	const uint8_t *table = guest_memory_at(vq->memory, addr, len);

	*count = len / sizeof(struct vring_desc);
	if (!vq->indirect || !table || *count == 0 || len % sizeof(struct vring_desc) != 0 ||
	    *count > VIRTQUEUE_SIZE_MAX) {
		virtqueue_break(vq, "indirect table");
		return NULL;
	}
	return table;
}

int chain_walk_split(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max)
{
	const uint8_t *table = vq->desc;
	uint32_t count = vq->size, seen = 0;
	uint16_t i = chain->id;
	bool indirect = false; /* not told by the address: a guest may point a table at the ring itself */

	for (;;) {
		struct vring_desc d = desc_read(table, i);

		if (d.split.flags & DESC_INDIRECT) {
			if (indirect || d.split.flags & DESC_NEXT)
				return virtqueue_break(vq, "indirect descriptor within a chain");
			table = chain_indirect_table(vq, d.addr, d.len, &count);
			if (!table)
				return -1;
			indirect = true;
			i = 0;
			seen = 0;
			continue;
		}
		if (chain_add(vq, chain, max, d.addr, d.len, d.split.flags & DESC_WRITE) < 0)
			return -1;
		if (!(d.split.flags & DESC_NEXT))
			return 0;
		/* More steps than descriptors is a loop. */
		if (d.split.next >= count || ++seen >= count)
			return virtqueue_break(vq, "chain that does not end");
		i = d.split.next;
	}
}

int chain_add_packed(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max, const struct vring_desc *d)
{
	const uint8_t *table;
	uint32_t count, i;

	if (!(d->packed.flags & DESC_INDIRECT))
		return chain_add(vq, chain, max, d->addr, d->len, d->packed.flags & DESC_WRITE);
	if (d->packed.flags & DESC_NEXT || chain->slots > 0)
		return virtqueue_break(vq, "indirect descriptor within a chain");
	table = chain_indirect_table(vq, d->addr, d->len, &count);
	if (!table)
		return -1;
	for (i = 0; i < count; i++) {
		struct vring_desc e = desc_read(table, i);

		if (chain_add(vq, chain, max, e.addr, e.len, e.packed.flags & DESC_WRITE) < 0)
			return -1;
	}
	return 0;
}
