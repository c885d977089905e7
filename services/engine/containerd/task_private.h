/* A container's task as its files see it:
 *
 *   task.c          what the engine asks of it
 *   task_states.c   the states: what is asked on entering one, and what the answer leads to
 *   task_report.c   what the engine tells of its end
 *   task_process.c  its first process and its shim: how their ends are seen without containerd */
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

/* What is asked of a task while containerd records it. */
enum task_wish {
	WISH_NONE,
	WISH_START,
	WISH_REMOVE,
};

struct engine_task {
	struct list place; /* among those of the engine */
	struct containerd *engine;
	struct engine_container *container;
	enum task_state state;
	enum task_wish wish; /* granted once it is recorded */
	struct ask call, kill_call;
	bool made;       /* containerd has the container, or would have it */
	bool unrecorded; /* it would have it: the stand-in has made the container */
	bool stale;      /* containerd still has it, and the stand-in has removed it */
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

/* Enters a state, and asks what there is to ask in it. No call of the task's may be under way: there is one at a time.
 */
void task_enter(struct engine_task *t, enum task_state state);
/* Begins with a start, or the taking over of what is there; the second: once its turn has come. */
void task_start(struct engine_task *t);
void task_leave_queue(struct engine_task *t);
/* What there is to do about a process that runs, or has ended while something else was done. */
void task_process_consider(struct engine_task *t);
/* The start comes to nothing: cleans up, then reports the reason, which is taken over. */
void task_start_fail(struct engine_task *t, struct error *why);
/* The same when nothing is left to be cleaned: reports t->why. */
void task_report_start_failed(struct engine_task *t);
void task_report_exited(struct engine_task *t);
void task_report_removed(struct engine_task *t);

/* --- task_process.c: the first process and the shim ----------------------------------------------------------------
 */

/* Watches the process. */
int task_process_watch(struct engine_task *t, pid_t pid, loop_io_fn *ended, struct error *err);
/* Lets go of the container's first process. */
void task_process_forget(struct engine_task *t);
/* Watches the shim, where containerd does not: nobody else would see its end. */
void task_shim_keep(struct engine_task *t);
/* Asks the shim for the exit status: containerd is not there to be asked, and may have forgotten when it is back. */
void task_shim_ask(struct engine_task *t);
/* The directory of its bundle, NULL: no memory. The caller frees it. */
char *task_bundle_path(const struct engine_task *t);

static inline bool task_is_recording(const struct engine_task *t)
{
	return t->state == TASK_RECORD || t->state == TASK_RECORD_OLD;
}

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

/* For messages: whose words they are. */
static inline const char *task_answerer(const struct engine_task *t)
{
	return t->engine->alone ? "shim" : "containerd";
}

/* Nobody is there to be asked, and nobody will be any more. */
static inline bool task_is_alone(const struct engine_task *t)
{
	return task_host(t)->stopping && !containerd_answers(t->engine);
}
