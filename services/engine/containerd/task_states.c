#include <signal.h>

#include "capture.h"
#include "spec.h"
#include "task_private.h"

/* --- what is reported ----------------------------------------------------------------------------------------- */

void task_report_start_failed(struct engine_task *t)
{
	struct error why = t->why;

	t->why = (struct error){ 0 };
	t->state = TASK_IDLE;
	t->failing = false;
	task_process_forget(t);
	task_events(t)->start_failed(t->container, &why);
	error_clear(&why);
}

void task_report_exited(struct engine_task *t)
{
	t->state = TASK_IDLE;
	task_process_forget(t);
	shim_wait_cancel(&t->shim);
	t->ended = false;
	task_events(t)->exited(t->container, t->code);
}

static void report_started(struct engine_task *t)
{
	t->state = TASK_IDLE;
	task_shim_keep(t);
	task_events(t)->started(t->container, t->pid);
	task_process_consider(t);
}

void task_report_removed(struct engine_task *t)
{
	t->state = TASK_IDLE;
	t->wish = WISH_NONE;
	t->made = t->unrecorded = false;
	task_events(t)->removed(t->container);
}

/* The reason is told when nothing of it is left. */
void task_start_fail(struct engine_task *t, struct error *why)
{
	error_move(&t->why, why);
	t->failing = true;
	task_enter(t, TASK_KILL_OLD);
}

static void start_refused(struct engine_task *t, const char *message)
{
	_cleanup_error_ struct error err = { 0 };

	error_set(&err, 0, "containerd: %s", message);
	task_start_fail(t, &err);
}

/* --- states: what is asked on entering one, and what the answer leads to ---------------------------------------- */

static void look_ask(struct engine_task *t)
{
	ask_task_get(t->engine, &t->call, task_namespace(t), task_name(t));
}

static void look_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	_cleanup_free_ char *dir = task_bundle_path(t);
	_cleanup_error_ struct error err = { 0 };
	pid_t pid = 0;

	(void)message;
	t->adopting = false;
	t->made = true;
	t->unrecorded = t->engine->lazy && dir && task_bundle_unrecorded(dir);
	switch (status == GRPC_OK ? ask_task_found(&t->call, &pid, &t->code) : CONTAINERD_TASK_NONE) {
	case CONTAINERD_TASK_RUNS:
		if (task_process_watch(t, pid, NULL) == 0)
			report_started(t);
		else
			task_enter(t, TASK_WAIT); /* just ended */
		break;
	case CONTAINERD_TASK_ENDED:
		task_enter(t, TASK_DELETE);
		break;
	case CONTAINERD_TASK_HALF_MADE:
		error_set(&err, 0, "the supervisor ended in the middle of it");
		task_start_fail(t, &err);
		break;
	case CONTAINERD_TASK_NONE:
		if (t->engine->alone)
			task_enter(t, TASK_DELETE); /* its shim is gone, something of it may be left */
		else
			task_report_exited(t); /* deleted, and nobody knows what its status was */
		break;
	}
}

static void container_ask(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *spec = spec_read(t->container->bundle->path, &err);

	if (spec) {
		ask_container_create(t->engine, &t->call, task_namespace(t), task_name(t), spec);
		return;
	}
	t->state = TASK_IDLE;
	task_events(t)->start_failed(t->container, &err);
}

static void container_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	if (status == GRPC_OK) {
		t->made = true;
		t->unrecorded = t->engine->alone;
		task_enter(t, TASK_CREATE);
	} else if (status == GRPC_ALREADY_EXISTS && !t->cleaned) {
		task_enter(t, TASK_KILL_OLD);
	} else {
		error_set(&t->why, 0, "containerd: %s", message);
		task_report_start_failed(t);
	}
}

static void create_ask(struct engine_task *t)
{
	const struct capture *c = t->container->capture;
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *spec = t->engine->alone ? spec_read(t->container->bundle->path, &err) : NULL;

	if (err.msg)
		task_start_fail(t, &err);
	else
		ask_task_create(t->engine, &t->call, task_namespace(t), task_name(t), spec, c->out.fifo, c->err.fifo);
}

static bool create_leftover_removed(struct engine_task *t, const char *message)
{
	if (t->unbundled)
		return false;
	t->unbundled = leftovers_bundle_remove(t->engine->state, task_namespace(t), task_name(t), message);
	return t->unbundled;
}

static void create_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	_cleanup_error_ struct error err = { 0 };

	if ((status == GRPC_ALREADY_EXISTS || status == GRPC_NOT_FOUND) && !t->cleaned)
		task_enter(t, TASK_KILL_OLD);
	else if (status != GRPC_OK && create_leftover_removed(t, message))
		task_enter(t, TASK_CREATE);
	else if (status != GRPC_OK)
		start_refused(t, message);
	else if (task_process_watch(t, ask_created_pid(&t->call), &err) < 0 ||
		 prepare_process(t->container->bundle, t->pid, &err) < 0)
		task_start_fail(t, &err);
	else
		task_enter(t, TASK_START);
}

static void start_ask(struct engine_task *t)
{
	ask_process_start(t->engine, &t->call, task_namespace(t), task_name(t), "");
}

static void start_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	if (status == GRPC_OK)
		report_started(t);
	else
		start_refused(t, message);
}

static void kill_ask(struct engine_task *t)
{
	ask_task_kill(t->engine, &t->call, task_namespace(t), task_name(t), SIGKILL);
}

/* A task that its shim knows nothing of has nothing to wait for, but is there. */
static void kill_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)message;
	task_enter(t, status == GRPC_NOT_FOUND ? TASK_DROP_OLD : TASK_WAIT_OLD);
}

static void wait_ask(struct engine_task *t)
{
	ask_process_wait(t->engine, &t->call, task_namespace(t), task_name(t), "");
}

static void wait_old_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)status;
	(void)message;
	task_enter(t, TASK_DROP_OLD);
}

static void wait_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)message;
	if (status == GRPC_OK)
		t->code = ask_exit_code(&t->call);
	task_enter(t, TASK_DELETE);
}

static void delete_ask(struct engine_task *t)
{
	ask_task_delete(t->engine, &t->call, task_namespace(t), task_name(t));
}

static void drop_old_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)status;
	(void)message;
	task_enter(t, TASK_DELETE_OLD);
}

static void delete_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)status;
	(void)message;
	task_report_exited(t);
}

static void container_delete_ask(struct engine_task *t)
{
	ask_container_delete(t->engine, &t->call, task_namespace(t), task_name(t));
}

static void delete_old_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	t->cleaned = true;
	t->made = t->unrecorded = false;
	if (!t->failing && (status == GRPC_OK || status == GRPC_NOT_FOUND)) {
		task_enter(t, TASK_CONTAINER);
		return;
	}
	if (!t->failing)
		error_set(&t->why, 0, "containerd: %s", message);
	task_report_start_failed(t);
}

static void remove_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)status;
	(void)message;
	task_report_removed(t);
}

static const struct {
	void (*ask)(struct engine_task *t);
	void (*answered)(struct engine_task *t, enum grpc_status status, const char *message);
} states[TASK_STATES] = {
	[TASK_IDLE] = { NULL, NULL },
	[TASK_QUEUED] = { NULL, NULL },
	[TASK_LOOK] = { look_ask, look_answered },
	[TASK_CONTAINER] = { container_ask, container_answered },
	[TASK_CREATE] = { create_ask, create_answered },
	[TASK_START] = { start_ask, start_answered },
	[TASK_KILL_OLD] = { kill_ask, kill_answered },
	[TASK_WAIT_OLD] = { wait_ask, wait_old_answered },
	[TASK_DROP_OLD] = { delete_ask, drop_old_answered },
	[TASK_DELETE_OLD] = { container_delete_ask, delete_old_answered },
	[TASK_WAIT] = { wait_ask, wait_answered },
	[TASK_DELETE] = { delete_ask, delete_answered },
	[TASK_REMOVE] = { container_delete_ask, remove_answered },
	[TASK_RECORD] = { task_record_ask, task_record_answered },
	[TASK_RECORD_OLD] = { container_delete_ask, task_record_old_answered },
};

/* The connection broke under the call: it is made again later, except where nothing depends on it any more. */
static void call_broke(struct engine_task *t)
{
	if (t->state == TASK_REMOVE || t->wish == WISH_REMOVE)
		task_report_removed(t);
	else if (t->failing)
		task_report_start_failed(t);
	else if (task_host(t)->stopping && t->ended)
		task_report_exited(t);
	else if (t->state == TASK_WAIT)
		task_shim_ask(t);
}

static void call_answered(struct ask *a, enum grpc_status status, const char *message)
{
	struct engine_task *t = a->data;

	struct containerd *e = t->engine;

	if (status == GRPC_UNAVAILABLE && !containerd_answers(e))
		call_broke(t);
	else if (states[t->state].answered)
		states[t->state].answered(t, status, message);
	containerd_look(e);
}

void task_enter(struct engine_task *t, enum task_state state)
{
	t->state = state;
	t->call.done = call_answered;
	t->call.data = t;
	if (states[state].ask)
		states[state].ask(t);
}
