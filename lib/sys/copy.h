/* Bytes from one descriptor to another, by the event loop: spliced where one end is a pipe and the kernel can, through
 * a buffer otherwise. Neither end is read further than the other takes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"

struct copy;
/* The input ended, or the output takes no more and COPY_LOSSY was not asked for. Descriptors are still open. */
typedef void copy_fn(struct copy *c);

/* Zero-initialise. */
struct copy {
	/* private */
	copy_fn *done;
	void *data;
	struct loop *loop;
	struct loop_io in, out;
	bool active;
	bool lossy;
	bool from_terminal, to_terminal;
	bool buffered;
	bool discard;
	char *held; /* read, not written yet */
	size_t held_len;
};

enum {
	COPY_TO_FILE = 1, /* the output is a regular file: it needs no waiting for */
	COPY_LOSSY = 2,   /* an output that fails does not stop the reading */
	/* That end is a terminal's master. While the terminal's processes live, it is no end that none of them has it
	 * open, and takes no time: one may open it again. */
	COPY_FROM_TERMINAL = 4,
	COPY_TO_TERMINAL = 8,
};

/* Takes both descriptors; sets them non-blocking, which must be of no consequence to others. flags: COPY_*. */
int copy_start(struct copy *c, struct loop *loop, int in, int out, unsigned flags, copy_fn *done, void *data,
	       struct error *err);
/* The terminal's process has ended: from now on a hang-up is the end of the input. Calls nothing back itself. */
void copy_expect_end(struct copy *c);
/* Moves what is there now, without waiting for the loop's next round, as much as in one round. Calls nothing back. */
void copy_catch_up(struct copy *c);
/* Moves what is there now, however much. For one whose input is about to be given up. */
void copy_finish(struct copy *c);
/* Another open file description takes the input's (output's) place, under the same number; `fd` is closed. */
int copy_swap_input(struct copy *c, int fd);
int copy_swap_output(struct copy *c, int fd);
/* Hands the output's descriptor out of one that is done. */
int copy_take_output(struct copy *c);
/* Closes both. Legal on one that never started. */
void copy_stop(struct copy *c);
