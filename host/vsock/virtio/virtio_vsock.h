/* The packets of a virtio socket device. Virtual I/O Device (VIRTIO) Version 1.2, section 5.10,
 * https://docs.oasis-open.org/virtio/virtio/v1.2/virtio-v1.2.html */
#pragma once

#include <stdint.h>

enum {
	VSOCK_HEADER_SIZE = 44,
	VSOCK_EVENT_SIZE = 4,
	VSOCK_CONFIG_SIZE = 8,
	VSOCK_PAYLOAD_MAX = 65536, /* what Linux takes in one packet */
};

enum vsock_queue { VSOCK_RX, VSOCK_TX, VSOCK_EVENT, VSOCK_QUEUES };

/* feature bits */
#define VSOCK_F_STREAM    (UINT64_C(1) << 0)
#define VSOCK_F_SEQPACKET (UINT64_C(1) << 1)

enum vsock_type { VSOCK_STREAM = 1, VSOCK_SEQPACKET = 2 };

enum vsock_op {
	VSOCK_OP_INVALID,
	VSOCK_OP_REQUEST,
	VSOCK_OP_RESPONSE,
	VSOCK_OP_RST,
	VSOCK_OP_SHUTDOWN,
	VSOCK_OP_RW,
	VSOCK_OP_CREDIT_UPDATE,
	VSOCK_OP_CREDIT_REQUEST,
	VSOCK_OPS,
};

/* flags of SHUTDOWN: the sender will not receive, will not send any more */
enum { VSOCK_SHUT_RECEIVE = 1, VSOCK_SHUT_SEND = 2, VSOCK_SHUT_BOTH = 3 };
/* flags of RW on a seqpacket socket: end of message, end of record */
enum { VSOCK_SEQ_EOM = 1, VSOCK_SEQ_EOR = 2 };

enum { VSOCK_EVENT_TRANSPORT_RESET = 0 };

enum { VSOCK_CID_HOST = 2 };

struct vsock_header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t len; /* of the payload */
	uint16_t type, op;
	uint32_t flags;
	uint32_t buf_alloc, fwd_cnt; /* credit: the sender's buffer, and how many bytes left it, modulo 2^32 */
};

/* Any bytes parse: what the numbers mean is for the receiver to judge. */
void vsock_header_parse(const uint8_t bytes[VSOCK_HEADER_SIZE], struct vsock_header *h);
void vsock_header_write(uint8_t bytes[VSOCK_HEADER_SIZE], const struct vsock_header *h);
/* "REQUEST"; "?" for a number that is none. */
const char *vsock_op_name(uint16_t op);
