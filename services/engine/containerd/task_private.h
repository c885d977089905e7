/* A container's task as its two files see it: task_states.c has the states, task.c what the engine asks of it. */
#pragma once

#include <sys/types.h>

#include "ask.h"
#include "exec.h"
#include "prepare.h"
#include "shim_wait.h"
#include "shim_watch.h"
#include "task.h"

enum task_state {
	TASK_IDLE,
	TASK_QUEUED,
	TASK_LOOK,
	TASK_CONTAINER,
	TASK_CREATE,
	TASK_START,
	TASK_KILL_OLD,
	TASK_WAIT_OLD,
	TASK_DROP_OLD,
	TASK_DELETE_OLD,
	TASK_WAIT,
	TASK_DELETE,
	TASK_REMOVE,
	TASK_RECORD,
	TASK_RECORD_OLD,
	TASK_STATES,
};

struct engine_task {
	struct list place; /* among those of the engine */
	struct containerd *engine;
	struct engine_container *container;
	enum task_state state;
	struct ask call, kill_call;
	bool made;       /* containerd has the container, or would have it */
	bool unrecorded; /* it would have it: the stand-in has made the container */
	bool cleaned;    /* what was there before has been deleted in this start */
	bool unbundled;  /* the same for the directory of its bundle */
	bool adopting;   /* it was another supervisor's: to be taken over */
	bool failing;    /* report `why` after the cleaning */
	struct error why;
	pid_t pid;
	struct loop_io process; /* pidfd */
	bool ended;             /* the pidfd said so while there was no containerd to ask, or a start was under way */
	struct shim_wait shim;
	struct shim_watch shim_watch; /* the stand-in's: containerd watches its shims itself */
	int code;

	struct containerd_exec exec;
	engine_exec_fn *exec_done;
	void *exec_data;
};

/* Enters a state, and asks what there is to ask in it. */
void task_enter(struct engine_task *t, enum task_state state);
/* Lets go of the container's first process. */
void task_process_forget(struct engine_task *t);
/* The start comes to nothing: cleans up, then reports the reason, which is taken over. */
void task_start_fail(struct engine_task *t, struct error *why);
/* The same when nothing is left to be cleaned: reports t->why. */
void task_report_start_failed(struct engine_task *t);
void task_report_exited(struct engine_task *t);

static inline const struct engine_host *task_host(const struct engine_task *t)
{
	return t->engine->engine.host;
}

static inline const struct engine_events *task_events(const struct engine_task *t)
{
	return task_host(t)->events;
}

static inline const char *task_name(const struct engine_task *t)
{
	return t->container->name;
}

static inline const char *task_namespace(const struct engine_task *t)
{
	const char *own = t->container->bundle->runtime.containerd_namespace;

	return own ? own : t->engine->namespace;
}

/* Nobody is there to be asked, and nobody will be any more. */
static inline bool task_is_alone(const struct engine_task *t)
{
	return task_host(t)->stopping && !containerd_answers(t->engine);
}
