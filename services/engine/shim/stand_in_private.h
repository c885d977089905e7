/* A call of the stand-in as its two files see it: stand_in.c makes and removes tasks, stand_in_calls.c has what the
 * shim alone answers. */
#pragma once

#include <limits.h>

#include "stand_in.h"

typedef void stand_in_next_fn(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			      const char *message);

/* -1: without memory; done() has been called. */
int stand_in_begin(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id);
/* Asks the shim; next() follows. limit_us: 0: as long as it wants. False: there is no shim. */
bool stand_in_ask(struct stand_in_call *c, const char *method, const ProtobufCMessage *request, uint64_t limit_us,
		  stand_in_next_fn *next);
/* Its end: done(). */
void stand_in_finish(struct stand_in_call *c, enum grpc_status status, const char *message);

/* protobuf-c's strings lack the const. */
static inline char *stand_in_text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static inline pid_t stand_in_pid(uint32_t pid)
{
	return pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
}
