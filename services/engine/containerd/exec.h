/* A command in a container: create, start, wait, delete. Its output goes nowhere. */
#pragma once

#include "ask.h"

struct containerd_exec;

/* code: exit status of the command, -1: it could not be run, or the connection was lost */
typedef void containerd_exec_fn(struct containerd_exec *x, int code);

struct containerd_exec {
	/* the caller's */
	struct containerd *engine;
	const char *ns, *id; /* containerd's namespace, the container */
	containerd_exec_fn *done;
	void *data;
	/* private */
	enum { EXEC_NONE, EXEC_CREATE, EXEC_START, EXEC_WAIT, EXEC_DELETE } step;
	struct ask call;
	unsigned count;
	char exec[24];
	int code;
};

/* process: OCI process as JSON. Not while another is under way. done() is called, perhaps at once. */
void containerd_exec_run(struct containerd_exec *x, const char *process);
/* Forgets one that is under way; done() is not called. */
void containerd_exec_cancel(struct containerd_exec *x);
static inline bool containerd_exec_active(const struct containerd_exec *x)
{
	return x->step != EXEC_NONE;
}
