/* Where the two streams of a run-once container go: into files DIR/KIND.NAME.out.log (standard output) and
 * DIR/KIND.NAME.log (standard error), the names LinuxKit gives them, or to the memory log daemon where one runs.
 *
 * The container normally writes straight into the files and what it wrote is copied to the console afterwards.
 * Where the console is to see it at once, or where there is no file to copy from later, the streams are pipes that
 * output_wait() empties. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"
#include "loop.h"

struct output_stream {
	char *path;        /* the file; NULL: memory log daemon */
	int sink;          /* the file or the daemon */
	int give;          /* what the container gets; the sink itself, or the pipe's end */
	struct loop_io io; /* our end of the pipe; fd -1: no pipe */
	struct buf tail;   /* the last of what came through the pipe */
	bool live;
};

struct output {
	struct output_stream out, err;
};

#define _cleanup_output_ _cleanup_(output_close)

/* live: what the container writes goes to the console at once. */
int output_open(struct output *o, const char *dir, const char *kind, const char *name, bool live, struct error *err);
void output_close(struct output *o);

/* Waits for the child `pid`, emptying the pipes. */
int output_wait(struct output *o, pid_t pid, int *status, struct error *err);

/* Copies what was written (the last 64 KiB of each stream) to standard output, unless it went there live. */
void output_dump(struct output *o);
