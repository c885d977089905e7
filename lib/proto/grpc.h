/* A gRPC client connection over HTTP/2 (nghttp2), without I/O of its own: bytes of the peer go in, bytes for the
 * peer come out, and callbacks report messages and ends of calls. One connection carries any number of calls.
 *
 * Follows "gRPC over HTTP2" (PROTOCOL-HTTP2 of the grpc repository) without compression: a client sends one
 * request message a call and half-closes; unary and server-streaming methods differ only in how many messages
 * come back. A response message larger than GRPC_MESSAGE_MAX, a compressed one, or one cut off by the end of its
 * stream fails that call alone; a broken HTTP/2 frame fails the connection (grpc_feed returns -1) and with it
 * every open call. Single-threaded.
 *
 * Callbacks may start calls and cancel any call; they must not free the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum { GRPC_MESSAGE_MAX = 16 << 20 };

/* The status codes of the gRPC specification. */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_DATA_LOSS = 15,
	GRPC_UNAUTHENTICATED = 16,
};

struct grpc;
struct grpc_call;

/* One response message; the bytes are valid during the call only. */
typedef void grpc_message_fn(struct grpc_call *call, const uint8_t *data, size_t len);
/* The end, exactly once for every call started and not cancelled. message: the server's text (percent-decoded) or
 * ours, never NULL, valid during the call only. The call's memory is the caller's again. */
typedef void grpc_done_fn(struct grpc_call *call, enum grpc_status status, const char *message);

/* Owned by the caller; zero-initialise, set the first three. Must stay until done or cancelled. */
struct grpc_call {
	grpc_message_fn *message; /* may be NULL */
	grpc_done_fn *done;
	void *data;
	/* private */
	struct grpc *connection;
	struct grpc_call *next;
	int32_t stream;
	struct buf request;
	struct buf response;
	struct buf text; /* grpc-message */
	int status;      /* grpc-status, -1 before it came */
	int http_status; /* :status, 0 before it came */
};

struct grpc_header {
	const char *name; /* lower case */
	const char *value;
};

struct grpc *grpc_new(struct error *err);
/* Open calls end with GRPC_UNAVAILABLE and `reason`. NULL is fine. */
void grpc_free(struct grpc *g, const char *reason);

/* method: "/package.Service/Method". The request (a serialised protobuf message) and the headers are copied. */
int grpc_call_start(struct grpc *g, struct grpc_call *call, const char *method, const struct grpc_header *headers,
		    size_t header_count, const void *request, size_t len, struct error *err);
/* No callback follows. Legal on a call that is not under way. */
void grpc_call_cancel(struct grpc_call *call);
static inline bool grpc_call_active(const struct grpc_call *call)
{
	return call->connection != NULL;
}

/* Bytes from the peer. -1: the connection is unusable, free it. */
int grpc_feed(struct grpc *g, const void *data, size_t len, struct error *err);
/* Appends what is to be sent to `out`, at most about `max` bytes more; nothing appended: nothing to send now. To be
 * called after each grpc_feed: it may have an answer. -1: the connection is unusable, free it. */
int grpc_output(struct grpc *g, struct buf *out, size_t max, struct error *err);
