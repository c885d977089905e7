/* Asks a task's shim itself how the first process ended, while containerd is away: a containerd that comes back takes
 * a shim without processes for one that was left over, and deletes it with what it knew. */
#pragma once

#include "shim_call.h"

/* Zero-initialise, set the first two. */
struct shim_wait {
	void (*done)(struct shim_wait *w, int code); /* exit status or 128 + signal; -1: it does not say */
	void *data;
	/* private */
	struct shim_call call;
};

/* bundle: containerd's directory for the task. done() follows from the loop, within a second. -1: there is no shim that
 * could be asked. */
int shim_wait_begin(struct shim_wait *w, struct loop *loop, const char *bundle, const char *id);
/* Legal at any time; no done() follows. */
void shim_wait_cancel(struct shim_wait *w);

/* Exit status in the payload of a WaitResponse; -1: none that is one. */
int shim_exit_code(const uint8_t *payload, size_t n);
