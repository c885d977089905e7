/* Whether a shim is there: a connection to it that says nothing, and breaks when it dies. What its container writes
 * comes through the shim, and nobody else can end the container: without its shim it is lost. */
#pragma once

#include "loop.h"

/* Zero-initialise, set the first two. */
struct shim_watch {
	void (*gone)(void *data); /* it has ended; the watch is over */
	void *data;
	/* private */
	struct loop_io io;
};

/* bundle: the task's directory. -1: nobody listens. */
int shim_watch_begin(struct shim_watch *w, struct loop *loop, const char *bundle);
/* Legal at any time. */
void shim_watch_end(struct shim_watch *w);
