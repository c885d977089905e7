/* Inside of the ttrpc server.
 *
 *     server.c       the listening socket: makes connections, closes broken ones
 *     call.c         frames become calls, answers become frames
 *     connection.c   bytes in and out of one connection
 *
 * A connection goes from open (read from while its answers are taken) over ended (the peer sends no more; what it asked
 * for is still answered) to broken. Everybody may break one at any time; only the server's sweep, from the loop, closes
 * it. */
#pragma once

#include <stdbool.h>

#include "list.h"
#include "loop.h"
#include "server.h"
#include "ttrpc.h"

struct connection;
typedef void connection_frame_fn(struct connection *c, const struct ttrpc_frame *f);

struct connection {
	struct list place;
	struct server *server;
	connection_frame_fn *frame;
	struct loop_io io;
	struct buf in, out;
	struct ttrpc_reader reader;
	uint32_t last_stream;
	bool ended;  /* the peer sends no more */
	bool broken; /* to be closed by the sweep */
	struct list calls;
	size_t call_count;
};

struct call {
	struct list place; /* of the connection, where there is one */
	struct server *server;
	struct connection *connection; /* NULL: the peer is gone */
	uint32_t stream;
	uint64_t deadline_us;
	struct loop_timer deadline;
	cancel_fn *cancel;
	void *cancel_data;
	bool kept;
	ProtobufCMessage *request;
};

/* Takes the socket. NULL without memory: the socket is still the caller's. frame: for each that has come. */
struct connection *connection_new(struct server *s, int fd, connection_frame_fn *frame);
void connection_break(struct connection *c);
/* Writes what the socket takes, and looks at what is to be waited for. */
void connection_flush(struct connection *c);
void connection_close(struct connection *c);

static inline void call_cancel(struct call *call, enum grpc_status why)
{
	if (call->cancel)
		call->cancel(call, call->cancel_data, why);
}

/* A connection_frame_fn: a request is dispatched, all else refused or skipped. */
void call_frame_take(struct connection *c, const struct ttrpc_frame *f);
