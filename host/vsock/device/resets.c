#include "resets.h"

void resets_add(struct resets *r, const struct vsock_header *packet)
{
	size_t at = (r->first + r->count) % RESETS_MAX;

	if (packet->op == VSOCK_OP_RST || r->count == RESETS_MAX)
		return;
	r->waiting[at] = (struct reset){ packet->dst_cid, packet->dst_port, packet->src_port, packet->type };
	r->count++;
}

bool resets_send(struct resets *r, struct fill_ring *ring, uint32_t cid)
{
	while (r->count > 0) {
		const struct reset *first = &r->waiting[r->first];
		struct vsock_header h = {
			.src_cid = first->src_cid,
			.dst_cid = cid,
			.src_port = first->src_port,
			.dst_port = first->dst_port,
			.type = first->type,
			.op = VSOCK_OP_RST,
		};
		struct fill f;

		if (!fill_begin(&f, ring, 0))
			return false;
		fill_end(&f, &h, 0, 0);
		r->first = (r->first + 1) % RESETS_MAX;
		r->count--;
	}
	return true;
}
