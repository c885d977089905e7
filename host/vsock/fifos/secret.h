/* What tells the machine's shim from a container of the same machine, at the fifo service (agent.h of lib/proto has the
 * protocol): a random secret of this process, which the guest's agent is given when somebody asks without it. The agent
 * alone can be on its port; a container cannot read what it keeps. */
#pragma once

#include <stdbool.h>

#include "agent.h"
#include "buf.h"
#include "loop.h"

/* Connects a Unix socket, which is the callee's then, to the guest's agent. -1: there is no guest. */
typedef int secret_reach_fn(void *data, int fd);
/* The agent has it; or not, and why. */
typedef void secret_done_fn(void *data, const struct error *why);

struct secret {
	struct loop *loop;
	secret_reach_fn *reach;
	secret_done_fn *done;
	void *data; /* of both */
	/* private */
	char text[FIFO_SECRET + 1];
	struct loop_io io; /* fd -1: nothing is under way */
	struct loop_timer timer;
	struct buf in;
	uint64_t given_us; /* when the agent had it; 0: never */
};

/* Draws it. Fill the first fields before. */
int secret_init(struct secret *s, struct error *err);
void secret_clear(struct secret *s);
/* Whether this is it; takes as long whatever is wrong. */
bool secret_is(const struct secret *s, const char *text);
/* Gives it to the agent, unless that is under way, or was done a moment ago: `done` is called once in either case, not
 * before this returns. */
void secret_give(struct secret *s);
