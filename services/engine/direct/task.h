/* One container straight on the OCI runtime, as a state machine. Its task has these states, and each but
 * IDLE is one call of the runtime that is under way:
 *
 *   start: [CLEAN ->] RUN -------------------> IDLE: started -- its end --> DELETE -> IDLE: exited
 *              |  `-> CREATE -> BEGIN --------^
 *              |        |         |
 *              +--------+---------+- failed, or given up -> DELETE -> IDLE: start_failed
 *
 *   CLEAN    `delete --force` of what may be left from before
 *   RUN      `run --detach`
 *   CREATE   `create`, where something has to happen between create and start; then that,
 *   BEGIN    and `start`
 *   DELETE   `delete --force`
 *
 * The container's first process becomes our child when the runtime has gone (we are a subreaper); the runtime wrote its
 * number into a file. Since it may end before that file is read, the reaper is held from the call to that moment: it
 * keeps the statuses of processes that it does not know.
 *
 * RUN_DIR/NAME/process remembers number and start time: a supervisor that is started again takes its containers over.
 * They are PID 1's children by then, which notes their exit status for us (adopted.h). */
#pragma once

#include "adopted.h"
#include "engine.h"
#include "reaper.h"
#include "runtime.h"

struct direct {
	struct engine engine;
	struct runtime runtime;
};

enum task_state { TASK_IDLE, TASK_CLEAN, TASK_RUN, TASK_CREATE, TASK_BEGIN, TASK_DELETE };

struct engine_task {
	struct direct *direct;
	struct engine_container *container;
	enum task_state state;
	struct exit_watch call;    /* the runtime */
	struct exit_watch process; /* the container's, when it is our child */
	struct adopted adopted;    /* the same, when it is not */
	struct exit_watch exec;
	engine_exec_fn *exec_done;
	void *exec_data;
	pid_t pid;
	pid_t noted; /* a note of its end is asked for under this number */
	int code;
	bool held;  /* it holds the reaper */
	bool fresh; /* nothing of it can be left from before */
	bool giving_up;
	struct error why; /* it could not be started */
};

/* Enters a state, and makes its call of the runtime. */
void direct_task_enter(struct engine_task *t, enum task_state state);
/* RUN or CREATE */
void direct_task_start(struct engine_task *t);
/* The container's first process has ended; data: the task. */
void direct_task_process_gone(void *data, int code);
/* Keeps the statuses of processes that nobody watches yet, or no longer. */
void direct_task_reaper_keep(struct engine_task *t, bool keep);
/* RUN_DIR/NAME/FILE; the caller frees it. */
char *direct_task_path(const struct engine_task *t, const char *file);

static inline const struct engine_host *task_host(const struct engine_task *t)
{
	return t->direct->engine.host;
}

static inline const struct engine_events *task_events(const struct engine_task *t)
{
	return task_host(t)->events;
}

static inline const char *task_name(const struct engine_task *t)
{
	return t->container->name;
}
