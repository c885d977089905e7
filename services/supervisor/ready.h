/* Whether a service is ready, as org.pith.ready asks: tried again and again, less and less often, until it is.
 *
 *   ready_arm -> (it is started) -> ready_begin -> tries -> done()
 *                                       `----- ready_end at any time, then no done() */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture.h"
#include "engine.h"
#include "loop.h"
#include "policy.h"

/* What is looked at; all of it must outlive the looking. */
struct ready_subject {
	struct loop *loop;
	const struct policy *policy;
	struct capture *capture;
	struct engine *engine;
	struct engine_container *container;
	void (*done)(void *data); /* it is ready */
	void *data;
};

/* Zero-initialised, owned by the service. */
struct ready {
	/* private */
	struct ready_subject of;
	pid_t pid;
	struct loop_timer timer; /* the next try */
	struct loop_io io;       /* a connection being made */
	uint64_t delay;
	bool active;
	bool running; /* exec: the command is under way */
	bool seen;    /* log: the text has been written */
};

/* Before the service is started: what it writes counts from its first byte. */
void ready_arm(struct ready *r, const struct ready_subject *of);
/* Its first process runs: begins to look; done() is called once it is ready, perhaps at once. */
void ready_begin(struct ready *r, pid_t pid);
/* Stops to look. Legal at any time. */
void ready_end(struct ready *r);
