#include <signal.h>

#include "capture.h"
#include "log.h"
#include "spec.h"
#include "task_private.h"

/* --- the process ------------------------------------------------------------------------------------------------ */

/* An end that comes while a call is under way is kept until the task is IDLE. */
static void process_ended(struct loop_io *io, uint32_t events)
{
	struct engine_task *t = io->data;
	bool begins = containerd_begins(t->engine);

	(void)events;
	loop_io_remove(io);
	shim_watch_end(&t->shim_watch);
	t->ended = true;
	if (task_events(t)->ending)
		task_events(t)->ending(t->container);
	if (t->state != TASK_IDLE)
		return;
	if (!begins)
		task_shim_ask(t);
	if (begins)
		task_enter(t, TASK_WAIT);
	else if (task_host(t)->stopping && !t->engine->alone)
		task_enter(t, TASK_DELETE); /* fails at once, without a connection */
}

/* What there is to do about a process that runs, or has ended while something else was done. */
void task_process_consider(struct engine_task *t)
{
	if (t->state != TASK_IDLE)
		return;
	if ((t->unrecorded || t->stale) && containerd_connected(t->engine))
		task_enter(t, t->unrecorded ? TASK_RECORD : TASK_RECORD_OLD);
	else if (t->ended && t->pid && containerd_begins(t->engine))
		task_enter(t, TASK_WAIT);
}

static void report_started(struct engine_task *t)
{
	t->state = TASK_IDLE;
	task_shim_keep(t);
	task_events(t)->started(t->container, t->pid);
	task_process_consider(t);
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

	error_set(&err, 0, "%s: %s", task_answerer(t), message);
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
		if (task_process_watch(t, pid, process_ended, NULL) == 0)
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
		t->stale &= t->engine->alone;
		task_enter(t, TASK_CREATE);
	} else if (status == GRPC_ALREADY_EXISTS && !t->cleaned) {
		task_enter(t, TASK_KILL_OLD);
	} else {
		error_set(&t->why, 0, "%s: %s", task_answerer(t), message);
		task_report_start_failed(t);
	}
}

static void create_ask(struct engine_task *t)
{
	const struct capture *c = t->container->capture;
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *spec = t->engine->alone ? spec_read(t->container->bundle->path, &err) : NULL;

	leftovers_deleted_remove(t->engine->state, task_namespace(t), task_name(t));
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
	else if (task_process_watch(t, ask_created_pid(&t->call), process_ended, &err) < 0 ||
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
		error_set(&t->why, 0, "%s: %s", task_answerer(t), message);
	task_report_start_failed(t);
}

static void remove_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)status;
	(void)message;
	task_report_removed(t);
}

/* --- what the stand-in has made becomes containerd's: it has the task already, and gets the container -------------
 *
 *   IDLE -> RECORD -- done --> IDLE, or what was wished for meanwhile
 *             |   ^
 *      exists v   | once
 *          RECORD_OLD
 *
 * This goes on while a service runs, or waits to be started again. A start or a removal that comes meanwhile is a wish:
 * its own call would take the place of the one that is under way. A signal goes to the process at once. */

static void wish_grant(struct engine_task *t)
{
	enum task_wish wish = t->wish;

	t->wish = WISH_NONE;
	if (wish == WISH_START) {
		task_start(t);
	} else if (wish == WISH_REMOVE) {
		t->made = false;
		task_enter(t, TASK_REMOVE);
	} else {
		task_process_consider(t);
	}
}

static void record_end(struct engine_task *t)
{
	_cleanup_free_ char *dir = task_bundle_path(t);

	t->unrecorded = t->stale = t->cleaned = false;
	t->state = TASK_IDLE;
	shim_watch_end(&t->shim_watch); /* containerd has a connection to it, too */
	if (dir)
		task_bundle_recorded(dir);
	wish_grant(t);
}

static void record_ask(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *spec = spec_read(t->container->bundle->path, &err);

	if (spec) {
		ask_container_create(t->engine, &t->call, task_namespace(t), task_name(t), spec);
		return;
	}
	log_warn("%s", error_text(&err));
	record_end(t);
}

static void record_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	if (status == GRPC_ALREADY_EXISTS && !t->cleaned) {
		task_enter(t, TASK_RECORD_OLD);
		return;
	}
	if (status != GRPC_OK)
		log_warn("%s: containerd: %s", task_name(t), message);
	record_end(t);
}

/* Of an earlier boot, and its specification may be another; or of a service that was removed while it slept. */
static void record_old_answered(struct engine_task *t, enum grpc_status status, const char *message)
{
	(void)status;
	(void)message;
	t->cleaned = true;
	if (t->unrecorded)
		task_enter(t, TASK_RECORD);
	else
		record_end(t);
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
	[TASK_RECORD] = { record_ask, record_answered },
	[TASK_RECORD_OLD] = { container_delete_ask, record_old_answered },
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

void task_leave_queue(struct engine_task *t)
{
	if (t->adopting)
		task_enter(t, TASK_LOOK);
	else
		task_enter(t, t->made ? TASK_CREATE : TASK_CONTAINER);
}

void task_start(struct engine_task *t)
{
	t->cleaned = t->unbundled = t->failing = t->ended = false;
	t->code = -1;
	t->state = TASK_QUEUED;
	if (containerd_begins(t->engine))
		task_leave_queue(t);
}
