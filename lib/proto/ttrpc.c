#include "ttrpc.h"

#include <errno.h>

#include "ttrpc.pb-c.h"

static uint32_t be32_read(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void be32_write(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

size_t ttrpc_next(struct ttrpc_reader *r, const uint8_t *data, size_t n, struct ttrpc_frame *frame, bool *complete)
{
	size_t skipped = r->skip < n ? (size_t)r->skip : n;

	*complete = false;
	r->skip -= skipped;
	data += skipped;
	n -= skipped;
	if (n < TTRPC_HEADER)
		return skipped;
	*frame = (struct ttrpc_frame){
		.length = be32_read(data),
		.stream = be32_read(data + 4),
		.type = data[8],
		.flags = data[9],
	};
	if (frame->length > TTRPC_DATA_MAX) {
		frame->oversized = true;
		r->skip = frame->length;
		*complete = true;
		return skipped + TTRPC_HEADER;
	}
	if (n - TTRPC_HEADER < frame->length)
		return skipped;
	frame->data = data + TTRPC_HEADER;
	*complete = true;
	return skipped + TTRPC_HEADER + frame->length;
}

size_t ttrpc_wanted(const struct ttrpc_reader *r, const uint8_t *data, size_t n)
{
	uint32_t length;

	if (r->skip)
		return 1;
	if (n < TTRPC_HEADER)
		return TTRPC_HEADER;
	length = be32_read(data);
	return length > TTRPC_DATA_MAX ? TTRPC_HEADER : TTRPC_HEADER + (size_t)length;
}

int ttrpc_add(struct buf *out, enum ttrpc_type type, uint32_t stream, const ProtobufCMessage *message)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	uint8_t *p;

	if (n > TTRPC_DATA_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	p = buf_reserve(out, TTRPC_HEADER + n);
	if (!p)
		return -1;
	be32_write(p, (uint32_t)n);
	be32_write(p + 4, stream);
	p[8] = (uint8_t)type;
	p[9] = 0;
	protobuf_c_message_pack(message, p + TTRPC_HEADER);
	buf_commit(out, TTRPC_HEADER + n);
	return 0;
}

/* Messages travel inside messages, as bytes: *holder owns them. */
static int payload_pack(const ProtobufCMessage *message, struct buf *holder, ProtobufCBinaryData *out)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	uint8_t *p = buf_reserve(holder, n);

	if (!p)
		return -1;
	protobuf_c_message_pack(message, p);
	buf_commit(holder, n);
	*out = (ProtobufCBinaryData){ .data = p, .len = n };
	return 0;
}

int ttrpc_add_request(struct buf *out, uint32_t stream, const char *service, const char *method, int64_t timeout_nano,
		      const ProtobufCMessage *payload)
{
	_cleanup_buf_ struct buf packed = { 0 };
	Ttrpc__Request r = TTRPC__REQUEST__INIT;

	/* protobuf-c's strings are not const, but are only read here */
	r.service = (char *)service;
	r.method = (char *)method;
	r.timeout_nano = timeout_nano;
	if (payload_pack(payload, &packed, &r.payload) < 0)
		return -1;
	return ttrpc_add(out, TTRPC_REQUEST, stream, &r.base);
}

int ttrpc_add_response(struct buf *out, uint32_t stream, const ProtobufCMessage *payload)
{
	_cleanup_buf_ struct buf packed = { 0 };
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	Ttrpc__Response r = TTRPC__RESPONSE__INIT;

	r.status = &status;
	if (payload_pack(payload, &packed, &r.payload) < 0)
		return -1;
	return ttrpc_add(out, TTRPC_RESPONSE, stream, &r.base);
}

int ttrpc_add_error(struct buf *out, uint32_t stream, int code, const char *text)
{
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	Ttrpc__Response r = TTRPC__RESPONSE__INIT;

	status.code = code;
	status.message = (char *)text;
	r.status = &status;
	return ttrpc_add(out, TTRPC_RESPONSE, stream, &r.base);
}
