/* Whether a service is ready, as org.pith.ready asks: tried again and again, less and less often, until it is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"

struct service;
struct ready;

/* Zero-initialised, owned by the service. */
struct ready {
	struct service *service;
	struct loop_timer timer; /* the next try */
	struct loop_io io;       /* a connection being made */
	uint64_t delay;
	bool active;
	bool running; /* exec: the command is under way */
	bool seen;    /* log: the text has been written */
};

/* Before the service is started: what it writes counts from its first byte. */
void ready_arm(struct ready *r, struct service *s);
/* When its process runs: begins to check; service_became_ready() is called once it is, perhaps at once. */
void ready_begin(struct ready *r);
/* Stops to check. Legal at any time. */
void ready_end(struct ready *r);

void service_became_ready(struct service *s);
