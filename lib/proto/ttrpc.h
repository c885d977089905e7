/* ttrpc: calls over a stream socket in frames of ten bytes and a message (PROTOCOL.md of containerd/ttrpc, 1.2).
 *
 *     length of the data, big-endian, 4 bytes | stream, big-endian, 4 bytes | type, 1 byte | flags, 1 byte | data
 *
 * A client's streams have odd numbers that only grow. A unary call is one request frame and one response frame. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { TTRPC_HEADER = 10, TTRPC_DATA_MAX = 4 << 20 };

enum ttrpc_type {
	TTRPC_REQUEST = 1,
	TTRPC_RESPONSE = 2,
	TTRPC_DATA = 3,
};

enum ttrpc_flags {
	TTRPC_REMOTE_CLOSED = 1,
	TTRPC_REMOTE_OPEN = 2,
	TTRPC_NO_DATA = 4,
};

struct ttrpc_frame {
	uint32_t stream;
	uint32_t length;
	uint8_t type; /* may be one that this protocol version does not know */
	uint8_t flags;
	bool oversized;      /* more than TTRPC_DATA_MAX were announced: no data */
	const uint8_t *data; /* length bytes inside what was given to ttrpc_next() */
};

/* State between calls of ttrpc_next(). Zero-initialised: the start of a stream. */
struct ttrpc_reader {
	uint64_t skip; /* bytes of an oversized frame that are still to come */
};

/* Looks for a frame in the n bytes at `data`. Returns how many of them are done with (to be consumed by the caller,
 * who keeps the others and comes back with more behind them); *complete says whether *frame was filled. The data of
 * an oversized frame is never waited for: it is done with as it comes. */
size_t ttrpc_next(struct ttrpc_reader *r, const uint8_t *data, size_t n, struct ttrpc_frame *frame, bool *complete);

/* How many bytes ttrpc_next() wants to see at least before it gets on, given those there are. */
size_t ttrpc_wanted(const struct ttrpc_reader *r, const uint8_t *data, size_t n);

/* Appends a frame with a message. -1 with errno ENOMEM, or EMSGSIZE for a message that is too long. */
int ttrpc_add(struct buf *out, enum ttrpc_type type, uint32_t stream, const ProtobufCMessage *message);
/* The same for a request (ttrpc.Request) with its payload... */
int ttrpc_add_request(struct buf *out, uint32_t stream, const char *service, const char *method, int64_t timeout_nano,
		      const ProtobufCMessage *payload);
/* ... and for a response (ttrpc.Response): with payload, or with an error of that code (enum grpc_status). */
int ttrpc_add_response(struct buf *out, uint32_t stream, const ProtobufCMessage *payload);
int ttrpc_add_error(struct buf *out, uint32_t stream, int code, const char *text);
