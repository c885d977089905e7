/* A gRPC connection to a Unix socket in the event loop, and unary calls with protobuf-c messages. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "error.h"
#include "grpc.h"
#include "loop.h"

struct rpc;
struct rpc_call;

/* The end of a call. status GRPC_OK: c->reply holds the response message. message explains any other status. */
typedef void rpc_done_fn(struct rpc_call *c, enum grpc_status status, const char *message);

/* Owned by the caller, zero-initialised before its first use; free for the next call when done has been called. */
struct rpc_call {
	rpc_done_fn *done;
	void *data;
	struct buf reply;
	struct grpc_call call;
};

/* The connection is gone: every call on it has ended with GRPC_UNAVAILABLE. rpc_free() is then due, and legal here. */
typedef void rpc_lost_fn(void *data);

struct rpc *rpc_connect(struct loop *loop, const char *path, rpc_lost_fn *lost, void *data, struct error *err);
/* It is broken: calls that end now, or are started, end for that reason, perhaps before lost() has been called. */
bool rpc_is_lost(const struct rpc *r);
/* Process that listens at the other end; 0 if it is not known. */
pid_t rpc_peer(const struct rpc *r);
/* NULL is fine. Calls that are open end with GRPC_UNAVAILABLE; from within a callback, after that has returned. */
void rpc_free(struct rpc *r);

/* Starts a call: method "/package.Service/Method"; namespace: containerd's. Where that fails, done is called all the
 * same, before this returns. A call of c that is under way ends without a callback. */
void rpc_start(struct rpc *r, struct rpc_call *c, const char *method, const char *namespace,
	       const ProtobufCMessage *request);
/* Ends it without a callback; legal in every state. Also frees the reply. */
void rpc_cancel(struct rpc_call *c);

/* The response as a message (protobuf_c_message_free_unpacked() frees it), or NULL. */
void *rpc_reply(const struct rpc_call *c, const ProtobufCMessageDescriptor *type);
