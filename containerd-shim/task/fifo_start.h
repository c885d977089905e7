/* Starts a container's first process without `runc start`: by the fifo that runc's process waits at (libcontainer.h).
 *
 *     fifo_start_begin() -> OPENED --(the other end writes its byte)--> PASSED --(the other end is closed)--> AWAITED
 *                             |                                           |                                     |
 *                             | the process ends                          | 5 s, or the process ends            | its
 * name v                                           v                                     v changes done() with an error
 * done()                                done()
 *
 * The runtime's process closes its end immediately before execve(2), or with it. A signal sent after Start's answer has
 * to reach the program, thus AWAITED waits for the process to change its name, too: nothing tells, so that it is looked
 * at every 100 us for the time that execve(2) takes. PASSED may last: hooks come before the program. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "loop.h"

struct fifo_start;
/* Once. why: NULL when the program runs. */
typedef void fifo_start_fn(struct fifo_start *f, const struct error *why);

/* Zero-initialised is idle. */
struct fifo_start {
	void *data; /* the caller's */
	/* private */
	struct loop *loop;
	const char *root, *id;
	pid_t pid;
	fifo_start_fn *done;
	struct loop_io fifo;
	struct loop_io look;       /* timerfd: finer than a loop_timer */
	struct loop_timer program; /* the longest wait for it */
	char *runtime;             /* name of the runtime's process */
	bool active, passed, ended;
};

/* root, id: the runtime's; they have to stay. pid: the first process. -1: it cannot be started like this, ask the
 * runtime. */
int fifo_start_begin(struct fifo_start *f, struct loop *loop, const char *root, const char *id, pid_t pid,
		     fifo_start_fn *done);
/* The first process has ended. Calls back, if it is under way. */
void fifo_start_ended(struct fifo_start *f);
/* Forgets it: nothing is called. */
void fifo_start_stop(struct fifo_start *f);
