/* One call of the OCI runtime, without waiting for it: its process, what it says, and its end.
 *
 * What the runtime logs (JSON lines) comes through a pipe as its descriptor 3, and so does what it prints where its
 * standard output and error are not the container's: nothing is left in files, calls side by side do not mix, and one
 * that never stops talking cannot fill anything. The runtime dies with the caller. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "loop.h"
#include "reaper.h"

enum {
	JOB_LOG_FD = 3,
	JOB_INPUT_FD = 4,
};
/* For --log of the runtime, and for an argument that names the input. */
#define JOB_LOG_PATH   "/proc/self/fd/3"
#define JOB_INPUT_PATH "/proc/self/fd/4"

struct job;
/* Once, from the loop: job_status() and job_error() tell how it went. */
typedef void job_fn(struct job *job);

struct job {
	void *data; /* the caller's */
	/* private */
	job_fn *done;
	struct loop *loop;
	struct reaper *reaper;
	struct exit_watch exit;
	struct loop_io output, heard[2];
	struct buf said; /* the last of it */
	pid_t pid;
	int status;
	bool running, killed;
};

struct job_spec {
	char *const *argv;
	const int *stdio; /* three descriptors for its standard streams, -1: /dev/null; NULL: output is collected */
	const int *heard; /* the other ends of two pipes among these, -1: none; what comes there until the call has
			   * ended is collected, too. NULL: none. They stay the caller's, and become non-blocking */
	int input;        /* becomes descriptor JOB_INPUT_FD; -1: none */
	bool input_is_stdin;
};

/* Zero-initialised is idle. */
static inline bool job_running(const struct job *job)
{
	return job->running;
}
int job_start(struct job *job, struct loop *loop, struct reaper *reaper, const struct job_spec *spec, job_fn *done,
	      struct error *err);
/* Makes it end: done is still called. */
void job_kill(struct job *job);
/* Forgets it: the process is killed, nothing is called. Legal at any time. */
void job_drop(struct job *job);

/* Whether it ended with 0, and whether a signal ended it. */
bool job_succeeded(const struct job *job);
bool job_was_killed(const struct job *job);
/* Collects what is in a pipe now: for one that was given to the runtime and not read before the call came to nothing.
 * fd -1 is none. */
void job_hear(struct job *job, int fd);
/* What the runtime gave as the reason: its last logged error, else the last line it printed, else how it ended. Fills
 * err, with `what` in front. Returns -1. */
int job_error(const struct job *job, const char *what, struct error *err);

/* The reason in the runtime's output, NULL for none; the caller frees it. For tests. */
char *job_message(const char *said, size_t n);
