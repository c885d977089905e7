/* containerd's socket while there is no containerd: the first connection has it started, and each is handed through to
 * it, byte by byte, once it serves and knows the services.
 *
 *   gate_open -- a connection: called() --> waits -- gate_lead(containerd's own socket) --> a relay (lib/sys/relay.h)
 *
 * gate_take_down() then puts containerd's own socket in the place of this one, so that later connections need no relay,
 * and the end of this process is not theirs. Who holds the old one by a mount of its own is still led through. */
#pragma once

#include "error.h"
#include "list.h"
#include "listener.h"
#include "relay.h"

struct gate {
	void (*called)(void *data); /* somebody waits to be led; perhaps often */
	void (*left)(void *data);   /* the last one who was led through has gone; NULL: nobody wants to know */
	void *data;
	/* private */
	struct loop *loop;
	struct listener listener;
	struct relays relays;
	struct list waiting;
	size_t count;
	const char *to; /* NULL: nowhere yet */
};

/* Listens at path, which nobody else may do (EADDRINUSE). Zero-initialise, set the first two. */
int gate_open(struct gate *g, struct loop *loop, const char *path, struct error *err);
/* Leads all who wait, and all who come, to the socket `to`, which must stay; NULL: has them wait. */
void gate_lead(struct gate *g, const char *to);
/* Those who wait are let go. Legal at any time. */
void gate_close(struct gate *g);
static inline bool gate_has_callers(const struct gate *g)
{
	return g->count > 0;
}

/* Nobody waits, and nobody is led through. */
static inline bool gate_is_quiet(const struct gate *g)
{
	return g->count == 0 && g->relays.count == 0;
}

/* Gives the socket `from` the name `path` as well, in one step, whatever was there. */
int gate_take_down(const char *from, const char *path, struct error *err);
