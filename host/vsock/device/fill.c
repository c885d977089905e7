#include "fill.h"

#include <string.h>

/* Payload that one chain takes. */
static size_t chain_room(const struct virtqueue_chain *chain)
{
	size_t room = chain->in_bytes - VSOCK_HEADER_SIZE;

	return room < VSOCK_PAYLOAD_MAX ? room : VSOCK_PAYLOAD_MAX;
}

bool fill_begin(struct fill *f, struct fill_ring *ring, size_t bytes)
{
	struct virtqueue *q = ring->queue;
	int pieces = 0;

	f->ring = ring;
	f->count = 0;
	f->room = 0;
	while (q && f->count < FILL_CHAINS && (f->count == 0 || f->room < bytes) &&
	       pieces + VIRTQUEUE_IOV_MAX <= FILL_IOV) {
		struct virtqueue_chain *chain = &f->chains[f->count];
		int r = virtqueue_pop(q, chain, ring->chain_iov[f->count], VIRTQUEUE_IOV_MAX);

		if (r == 0)
			break;
		if (r > 0 && (chain->out_count > 0 || chain->in_bytes < VSOCK_HEADER_SIZE)) {
			q->broken = "receive buffer without room for a header";
			r = -1;
		}
		if (r < 0) /* the device sees it at the end of the round */
			return false;
		f->room += chain_room(chain);
		pieces += (int)chain->in_count;
		f->count++;
	}
	return f->count > 0;
}

struct iovec *fill_iov(const struct fill *f, size_t bytes, int *count)
{
	struct iovec *iov = f->ring->iov;
	int n = 0;
	size_t i, j;

	for (i = 0; i < f->count && bytes > 0; i++) {
		size_t skip = VSOCK_HEADER_SIZE, left = chain_room(&f->chains[i]);

		left = left < bytes ? left : bytes;
		bytes -= left;
		for (j = 0; j < f->chains[i].in_count && left > 0; j++) {
			struct iovec v = f->chains[i].iov[j];
			size_t cut = skip < v.iov_len ? skip : v.iov_len;

			skip -= cut;
			v.iov_base = (char *)v.iov_base + cut;
			v.iov_len -= cut;
			if (v.iov_len > left)
				v.iov_len = left;
			left -= v.iov_len;
			if (v.iov_len > 0)
				iov[n++] = v;
		}
	}
	*count = n;
	return iov;
}

static void header_put(const struct virtqueue_chain *chain, const struct vsock_header *h)
{
	uint8_t bytes[VSOCK_HEADER_SIZE];
	size_t done = 0, j;

	vsock_header_write(bytes, h);
	for (j = 0; done < sizeof(bytes); j++) {
		size_t part = sizeof(bytes) - done;

		if (chain->iov[j].iov_len < part)
			part = chain->iov[j].iov_len;
		memcpy(chain->iov[j].iov_base, bytes + done, part);
		done += part;
	}
}

static void chains_return(struct fill *f, size_t keep)
{
	while (f->count > keep)
		virtqueue_unpop(f->ring->queue, &f->chains[--f->count]);
}

void fill_end(struct fill *f, struct vsock_header *h, size_t bytes, uint32_t last_flags)
{
	size_t used = 1, room = chain_room(&f->chains[0]), i;

	while (room < bytes)
		room += chain_room(&f->chains[used++]);
	chains_return(f, used);
	for (i = 0; i < used; i++) {
		size_t part = chain_room(&f->chains[i]);

		part = part < bytes ? part : bytes;
		bytes -= part;
		h->len = (uint32_t)part;
		if (i + 1 == used)
			h->flags = last_flags;
		header_put(&f->chains[i], h);
		virtqueue_push(f->ring->queue, &f->chains[i], (uint32_t)(VSOCK_HEADER_SIZE + part));
	}
}

void fill_cancel(struct fill *f)
{
	chains_return(f, 0);
}
