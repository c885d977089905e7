/* Where the two streams of a run-once container go: into files DIR/KIND.NAME.out.log (standard output) and
 * DIR/KIND.NAME.log (standard error), the names LinuxKit gives them, which are bounded (runlog.h), with their order and
 * times in DIR/KIND.NAME.order (runorder.h), or to the memory log daemon where one runs; and to the console, at once
 * or, the end of it, afterwards.
 *
 * The streams are pipes that output_wait() empties. A process that the container leaves behind on purpose may hold them
 * longer than that: a child of ours then goes on emptying them until nobody holds them any more. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"
#include "loop.h"
#include "runlog.h"
#include "runorder.h"

struct output;

struct output_stream {
	struct output *owner;
	int give;          /* what the container gets */
	struct loop_io io; /* our end */
	int memory;        /* the memory log daemon; -1: the file */
	struct runlog log; /* also the last of it */
	bool live, ended;
};

struct output {
	struct output_stream out, err;
	struct runorder order; /* of the two */
};

#define _cleanup_output_ _cleanup_(output_close)

/* dir: a descriptor of the logs' directory. The output must not move in memory afterwards. live: what the container
 * writes goes to the console at once. */
int output_open(struct output *o, int dir, const char *kind, const char *name, bool live, struct error *err);
void output_close(struct output *o);

/* It takes long: called after 10 s, then after pauses that double up to five minutes. */
typedef void output_slow_fn(void *data, unsigned seconds);

/* Waits for the child `pid`, emptying the pipes. */
int output_wait(struct output *o, pid_t pid, output_slow_fn *slow, void *data, int *status, struct error *err);

/* Ends the logs, or leaves them to a child where somebody still writes; then copies what was written (the last 64 KiB
 * of each stream) to standard output, unless it went there live. */
void output_end(struct output *o);
