/* One call of a shim's task service (ttrpc, lib/proto/task_service.proto), over a connection of its own.
 *
 *   shim_call_begin -- sent, answered, broken or late --> done()
 *
 * containerd keeps one connection a shim; here calls are few, and a connection that is there only for a call leaves
 * nothing behind in an idle supervisor. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "grpc.h"
#include "loop.h"

struct shim_call;

/* GRPC_OK: payload (n bytes, gone afterwards) is the response message; else message says why. A shim that closes the
 * connection without an answer: GRPC_UNKNOWN; one that takes too long: GRPC_DEADLINE_EXCEEDED. */
typedef void shim_call_fn(struct shim_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			  const char *message);

/* Zero-initialise, set the first two. Free for the next call when done() is called. */
struct shim_call {
	shim_call_fn *done;
	void *data;
	/* private */
	struct loop_io io;
	struct loop_timer timer;
	struct buf in, out;
};

/* bundle: the task's directory, where the shim's address is. limit_us: how long it may take; 0: as long as it wants.
 * done() follows from the loop. -1: there is no shim that could be asked. */
int shim_call_begin(struct shim_call *c, struct loop *loop, const char *bundle, const char *method,
		    const ProtobufCMessage *request, uint64_t limit_us);
/* Legal at any time; no done() follows. */
void shim_call_cancel(struct shim_call *c);
static inline bool shim_call_active(const struct shim_call *c)
{
	return loop_io_active(&c->io);
}

/* A connection to the shim, which may be old: *version is that of its task service. -1: nobody listens. */
int shim_connect(const char *bundle, int *version);

/* --- bytes ------------------------------------------------------------------------------------------------------ */

/* What is in a bundle's file "address" (unix:///PATH) or "bootstrap.json" (the same and a version). The caller frees
 * *path. */
int shim_address_parse(const char *text, size_t n, char **path, int *version);

/* What an answer says. */
struct shim_answer {
	enum grpc_status status;
	char *message;    /* NULL: none */
	uint8_t *payload; /* NULL: none */
	size_t len;
};

#define _cleanup_shim_answer_ _cleanup_(shim_answer_clear)
void shim_answer_clear(struct shim_answer *a);

/* The shim's answer so far: 1: it is whole; 0: not yet; -1: nonsense. */
int shim_response_parse(const uint8_t *data, size_t n, struct shim_answer *out);
