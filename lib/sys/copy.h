/* Bytes from one descriptor to another, by the event loop: spliced where one end is a pipe and the kernel can, through
 * a buffer otherwise. Neither end is read further than the other takes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"

struct copy;
/* The input ended, or the output takes no more and `lossy` was not asked for. Descriptors are still open. */
typedef void copy_fn(struct copy *c);

/* Zero-initialise. */
struct copy {
	/* private */
	copy_fn *done;
	void *data;
	struct loop *loop;
	struct loop_io in, out;
	bool active;
	bool lossy; /* an output that fails does not stop the reading */
	bool file;  /* the output needs no waiting for */
	bool buffered;
	bool discard;
	char *held; /* read, not written yet */
	size_t held_len;
};

/* Takes both descriptors; sets them non-blocking, which must be of no consequence to others. file: the output is a
 * regular file. */
int copy_start(struct copy *c, struct loop *loop, int in, int out, bool file, bool lossy, copy_fn *done, void *data,
	       struct error *err);
/* Moves what is there now, however much. For one whose input is about to be given up. */
void copy_finish(struct copy *c);
/* Another open file description takes the input's (output's) place, under the same number; `fd` is closed. */
int copy_swap_input(struct copy *c, int fd);
int copy_swap_output(struct copy *c, int fd);
/* Hands the output's descriptor out of one that is done. */
int copy_take_output(struct copy *c);
/* Closes both. Legal on one that never started. */
void copy_stop(struct copy *c);
