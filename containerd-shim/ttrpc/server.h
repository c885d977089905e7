/* The ttrpc server: connections, frames, and calls that are answered now or later.
 *
 * A connection is read until a whole request is there; its method's function then gets a `struct call` and answers it
 * exactly once, with call_reply() or call_fail(), in any order and at any time. A peer that goes away takes nothing
 * with it: calls under way go on and their answers are dropped, those that only wait are cancelled. A peer that does
 * not read its answers is not read from. One that ends its side of the connection still gets what it asked for.
 *
 * Only processes of our own user are served, as containerd's own shims do. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "grpc.h"
#include "list.h"
#include "listener.h"
#include "loop.h"

struct call;

/* request: of the type that the method names; gone when the function returns, unless call_keep_request(). */
typedef void method_fn(struct call *call, const ProtobufCMessage *request);

struct method {
	const char *name;
	const ProtobufCMessageDescriptor *request;
	method_fn *fn;
};

struct service {
	const char *const *names; /* NULL-terminated: a service may have several */
	const struct method *methods;
	size_t method_count;
};

typedef void server_quiet_fn(void *data);

struct server {
	void *data;                            /* for call_data() */
	const struct service *const *services; /* NULL-terminated */
	/* private */
	struct loop *loop;
	struct listener listener;
	struct loop_timer sweep; /* closes broken connections outside of everybody's way */
	struct list connections;
	size_t connection_count;
	struct call *dispatching;
	server_quiet_fn *quiet;
	void *quiet_data;
};

/* Set data and services first. Takes the listening socket, which is non-blocking. */
int server_start(struct server *s, struct loop *loop, int listener, struct error *err);
/* Takes no connection any more; those that there are go on. */
void server_close(struct server *s);
/* Closes everything; calls under way stay valid and are answered into the void. */
void server_stop(struct server *s);
/* Whether answers are still on their way to a peer that reads. */
bool server_busy(const struct server *s);

/* Whether anybody is connected. */
bool server_has_peers(const struct server *s);
/* Each time that a connection has gone, or has taken all answers: server_busy() or server_has_peers() may have changed.
 */
void server_on_quiet(struct server *s, server_quiet_fn *fn, void *data);

/* Microseconds of CLOCK_MONOTONIC at which the caller stops waiting; 0: never. */
uint64_t call_deadline(const struct call *call);
void *call_data(const struct call *call);
/* Keeps the request until the call is answered. */
void call_keep_request(struct call *call);

/* When the peer is gone (GRPC_CANCELLED) and when the deadline passes (GRPC_DEADLINE_EXCEEDED), `fn` is called. It may
 * answer the call, or leave it to be answered later. Without one the call just goes on. fn NULL: none any more. */
typedef void cancel_fn(struct call *call, void *data, enum grpc_status why);
void call_on_cancel(struct call *call, cancel_fn *fn, void *data);

void call_reply(struct call *call, const ProtobufCMessage *response);
void call_fail(struct call *call, enum grpc_status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
