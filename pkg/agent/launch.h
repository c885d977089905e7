/* Starts a command and says how to reach it. In a container: `state` of the runtime for the bundle and its process,
 * then `exec --detach` with the container's own process settings; the runtime leaves the process to us. In the guest
 * itself: a process like any other. */
#pragma once

#include <sys/types.h>

#include "buf.h"
#include "job.h"
#include "ptysock.h"
#include "server.h"

struct agent_request;
struct launch;
/* why: NULL when it runs. status: as the host's command is to end, 127 for a program that is not there, 126 for one
 * that cannot be run, 1 otherwise. Called once, perhaps from launch_start(). */
typedef void launch_fn(struct launch *l, const struct error *why, int status);

struct launch {
	void *data; /* the caller's */
	pid_t pid;  /* to be watched at once: it may have ended */
	/* Our ends of its streams, non-blocking, for the caller to take (steal_fd); -1: none. With a terminal the first
	 * two are its master, and the third is not there. */
	int ends[3];
	/* private */
	struct agent *agent;
	const struct agent_request *request;
	launch_fn *done;
	struct job job;
	struct ptysock console;
	int child[3];
	int output; /* of the runtime */
	char *root, *pid_file;
};

void launch_init(struct launch *l);
/* The request stays the caller's, and has to stay. */
void launch_start(struct launch *l, struct agent *a, const struct agent_request *request, launch_fn *done);
/* Legal at any time after launch_init(); nothing is called after it. */
void launch_clear(struct launch *l);
