/* Asks a task's shim itself how the first process ended, while containerd is away: a containerd that comes back takes
 * a shim without processes for one that was left over, and deletes it with what it knew. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "loop.h"

/* Zero-initialise, set the first two. */
struct shim_wait {
	void (*done)(struct shim_wait *w, int code); /* exit status or 128 + signal; -1: it does not say */
	void *data;
	/* private */
	struct loop_io io;
	struct loop_timer timer;
	struct buf in;
};

/* bundle: containerd's directory for the task. done() follows from the loop, within a second. -1: there is no shim that
 * could be asked. */
int shim_wait_begin(struct shim_wait *w, struct loop *loop, const char *bundle, const char *id);
/* Legal at any time; no done() follows. */
void shim_wait_cancel(struct shim_wait *w);

/* --- bytes ------------------------------------------------------------------------------------------------------ */

/* What is in a bundle's file "address" (unix:///PATH) or "bootstrap.json" (the same and a version). The caller frees
 * *path. */
int shim_address_parse(const char *text, size_t n, char **path, int *version);

/* The shim's answer so far: 1: it is whole, *code as above; 0: not yet; -1: nonsense. */
int shim_answer_parse(const uint8_t *data, size_t n, int *code);
