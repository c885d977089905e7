#include "virtio_vsock.h"

#include <assert.h>
#include <string.h>

/* The wire is little-endian, and so are all machines that this runs on. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "byte order");

struct wire {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));
static_assert(sizeof(struct wire) == VSOCK_HEADER_SIZE, "header");

void vsock_header_parse(const uint8_t bytes[VSOCK_HEADER_SIZE], struct vsock_header *h)
{
	struct wire w;

	memcpy(&w, bytes, sizeof(w));
	*h = (struct vsock_header){
		.src_cid = w.src_cid,
		.dst_cid = w.dst_cid,
		.src_port = w.src_port,
		.dst_port = w.dst_port,
		.len = w.len,
		.type = w.type,
		.op = w.op,
		.flags = w.flags,
		.buf_alloc = w.buf_alloc,
		.fwd_cnt = w.fwd_cnt,
	};
}

void vsock_header_write(uint8_t bytes[VSOCK_HEADER_SIZE], const struct vsock_header *h)
{
	struct wire w = {
		.src_cid = h->src_cid,
		.dst_cid = h->dst_cid,
		.src_port = h->src_port,
		.dst_port = h->dst_port,
		.len = h->len,
		.type = h->type,
		.op = h->op,
		.flags = h->flags,
		.buf_alloc = h->buf_alloc,
		.fwd_cnt = h->fwd_cnt,
	};

	memcpy(bytes, &w, sizeof(w));
}

const char *vsock_op_name(uint16_t op)
{
	static const char *const names[VSOCK_OPS] = {
		[VSOCK_OP_INVALID] = "INVALID",
		[VSOCK_OP_REQUEST] = "REQUEST",
		[VSOCK_OP_RESPONSE] = "RESPONSE",
		[VSOCK_OP_RST] = "RST",
		[VSOCK_OP_SHUTDOWN] = "SHUTDOWN",
		[VSOCK_OP_RW] = "RW",
		[VSOCK_OP_CREDIT_UPDATE] = "CREDIT_UPDATE",
		[VSOCK_OP_CREDIT_REQUEST] = "CREDIT_REQUEST",
	};

	return op < VSOCK_OPS ? names[op] : "?";
}
