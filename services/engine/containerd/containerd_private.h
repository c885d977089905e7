/* The engine as its own files see it. Who calls whom:
 *
 *     engine.c ---- the connection, and containerd's process ----> daemon.c, pulse.c
 *        |                                                           rpc.c
 *        +--------- each container's task ---> task.c ---> calls.c ---^
 *        |                                       +-------> exec.c ----^
 *        +--------- what earlier ones left ---> leftovers.c -- calls.c
 *
 * daemon.c tells engine.c that containerd serves; engine.c connects, and has each task go on where it was. */
#pragma once

#include <stdbool.h>

#include "engine.h"
#include "leftovers.h"
#include "list.h"
#include "loop.h"
#include "pulse.h"
#include "rpc.h"

struct containerd {
	struct engine engine;
	struct daemon *daemon;
	struct rpc *rpc; /* NULL: not connected */
	char *socket;
	const char *namespace, *state;
	struct list tasks;        /* struct engine_task */
	bool owned;               /* nobody but us uses it */
	struct loop_timer settle; /* what can wait is done when the start is over */
	struct pulse pulse;
	struct leftovers leftovers;
};

static inline bool containerd_connected(const struct containerd *e)
{
	return e->rpc && !rpc_is_lost(e->rpc);
}
