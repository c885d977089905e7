/* What containerd does for a task, done without it: bundles and shims, in the places and the form of containerd's own,
 * so that a containerd that starts later finds tasks that it might have made itself (task_bundle.h).
 *
 * One call at a time for each struct stand_in_call; the calls are those of containerd's Tasks service:
 *
 *   create    bundle made -> `shim start` runs -> its answer kept -> Create of the shim
 *   start, get, kill, wait, exec: one call of the shim each
 *   delete    Delete of the shim -> Shutdown of the shim -> bundle removed
 *               `-- it does not answer, or will not: `shim delete` runs -> bundle removed
 *
 * Nothing is kept here about a task: what there is of it is in its bundle, for the next supervisor as for this one. */
#pragma once

#include "reaper.h"
#include "shim_call.h"
#include "task_bundle.h"

/* What all calls share. The strings must stay. */
struct stand_in {
	struct loop *loop;
	struct reaper *reaper;
	struct task_place place;
	const char *runtime;         /* OCI runtime; NULL: the shim's own default */
	const char *containerd;      /* program, for shims that run it to pass on events; */
	const char *address, *ttrpc; /* where it will listen, for gRPC and for events; "" in all three: never */
};

struct stand_in_call;
/* message: what went wrong; NULL with GRPC_OK */
typedef void stand_in_fn(struct stand_in_call *c, enum grpc_status status, const char *message);

enum stand_in_task {
	STAND_IN_NONE,
	STAND_IN_HALF_MADE, /* created, never started */
	STAND_IN_RUNS,
	STAND_IN_ENDED,
};

/* Owned by the caller, zero-initialised; free for the next call when done() is called. */
struct stand_in_call {
	stand_in_fn *done; /* perhaps before the call that began it returns */
	void *data;
	/* answers */
	pid_t pid;               /* create and get: the first process; 0: none */
	int code;                /* wait and get: exit status, -1: not known */
	enum stand_in_task task; /* get */
	/* private */
	const struct stand_in *at;
	char *bundle, *namespace, *id, *stdout_path, *stderr_path;
	void (*next)(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
		     const char *message);
	void (*ended)(struct stand_in_call *c, int status);
	struct shim_call shim;
	struct exit_watch child; /* the shim's `start` or `delete` */
	int said[2];             /* with a child: files that have its standard output and error */
};

/* spec: config.json; out, err: fifos */
void stand_in_create(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		     const char *spec, const char *out, const char *err);
void stand_in_get(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id);
void stand_in_delete(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id);
/* To all of its processes. */
void stand_in_kill(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		   int signo);

/* A further process; exec: its id, "" is the first one. process: OCI process as JSON. */
void stand_in_exec(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		   const char *exec, const char *process);
void stand_in_exec_delete(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
			  const char *exec);
void stand_in_start(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		    const char *exec);
void stand_in_wait(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		   const char *exec);

/* Ends it without done(); legal in every state. A shim that is being started is killed. */
void stand_in_cancel(struct stand_in_call *c);
bool stand_in_active(const struct stand_in_call *c);
