/* The engine as its own files see it. Where the image has no containerd it is `alone` for good: no daemon, no gate, no
 * connection. Who calls whom:
 *
 *     engine.c ---- the connection, and containerd's process ----> daemon.c, pulse.c
 *        |                                                           rpc.c
 *        +--------- each container's task ---> task.c ---> calls.c ---^
 *        |                                       +-------> exec.c ----^
 *        +--------- what earlier ones left ---> leftovers.c -- calls.c
 *        +--------- nobody uses it -----------> idle.c
 *
 * daemon.c tells engine.c that containerd serves; engine.c connects, and has each task go on where it was. */
#pragma once

#include <stdbool.h>

#include "engine.h"
#include "gate.h"
#include "lazy.h"
#include "leftovers.h"
#include "list.h"
#include "loop.h"
#include "pulse.h"
#include "rpc.h"
#include "stand_in.h"

struct containerd {
	struct engine engine;
	struct daemon *daemon; /* NULL: there is none, and never will be */
	struct rpc *rpc;       /* NULL: not connected */
	char *socket;          /* the public one, NULL: none */
	const char *own;       /* where it listens: there, or behind the gate */
	const char *namespace, *state;
	struct list tasks;        /* struct engine_task */
	bool owned;               /* nobody but us uses it */
	struct loop_timer settle; /* what can wait is done when the start is over */
	struct pulse pulse;
	struct leftovers leftovers;
	/* Where containerd is left until somebody asks for it: */
	bool lazy;
	bool alone;  /* the stand-in does what it would do */
	bool called; /* somebody asks for it: nothing new is begun, and it starts when what goes on has come to an end
		      */
	bool open;   /* it serves, and knows the services: its clients are let in */
	bool sweep; /* the first time in this boot: what containers an earlier one left goes before anybody can add some
		     */
	uint64_t idle; /* microseconds without a client; 0: it stays */
	bool resting;  /* it is about to be stopped: nothing new is begun, and it ends when what goes on has */
	struct loop_timer unused;
	struct lazy places;
	struct stand_in stand_in;
	struct gate gate;
	struct loop_timer look; /* whether the next step can be made */
};

static inline bool containerd_connected(const struct containerd *e)
{
	return e->rpc && !rpc_is_lost(e->rpc);
}

/* Calls are answered, by whomever. */
static inline bool containerd_answers(const struct containerd *e)
{
	return e->alone || containerd_connected(e);
}

/* And something new may be begun. */
static inline bool containerd_begins(const struct containerd *e)
{
	return containerd_answers(e) && !e->called && !e->resting;
}

/* Something has come to an end that the start of containerd, or its clients, may have waited for: engine.c looks, from
 * the loop. */
static inline void containerd_look(struct containerd *e)
{
	if (e->called || e->resting || (e->lazy && !e->alone && !e->open))
		loop_timer_after(e->engine.host->loop, &e->look, 0, NULL);
}
