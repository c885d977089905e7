#include <errno.h>
#include <signal.h>

#include "calls.h"
#include "process.h"
#include "spec.h"
#include "str.h"
#include "task_private.h"

static struct engine_task *task_of(struct containerd *e, struct engine_container *c, struct error *err)
{
	struct engine_task *t = c->task;

	if (t)
		return t;
	t = c->task = calloc(1, sizeof(*t));
	if (!t) {
		error_set(err, ENOMEM, "%s", c->name);
		return NULL;
	}
	*t = (struct engine_task){ .engine = e, .container = c, .process.fd = -1 };
	list_append(&e->tasks, &t->place);
	return t;
}

void task_begin(struct containerd *e, struct engine_container *c, bool adopting)
{
	_cleanup_error_ struct error err = { 0 };
	struct engine_task *t = task_of(e, c, &err);

	if (!t) {
		e->engine.host->events->start_failed(c, &err);
		return;
	}
	t->adopting = adopting;
	if (task_is_recording(t))
		t->wish = WISH_START;
	else
		task_start(t);
}

static void task_resume(struct engine_task *t)
{
	t->cleaned = t->unbundled = false;
	switch (t->state) {
	case TASK_IDLE:
		if (t->pid && !t->ended && t->engine->alone)
			task_shim_keep(t);
		else if (!t->unrecorded)
			shim_watch_end(&t->shim_watch); /* containerd has a connection to it, too */
		task_process_consider(t);
		break;
	case TASK_QUEUED:
		if (!t->engine->alone) {
			t->made &= !t->unrecorded;
			t->unrecorded = t->stale = false;
		}
		task_leave_queue(t);
		break;
	case TASK_CREATE:
	case TASK_START:
		/* Nobody knows how far it came: away with it. */
		task_process_forget(t);
		task_enter(t, TASK_KILL_OLD);
		break;
	default:
		task_enter(t, t->state);
	}
}

void tasks_resume(struct containerd *e)
{
	for (struct list *p = e->tasks.next, *next; p != &e->tasks; p = next) {
		struct engine_task *t = list_entry(p, struct engine_task, place);

		next = p->next;
		/* The end of one may have had another one start in this very round. */
		if (!ask_active(&t->call))
			task_resume(t);
	}
}

static void start_give_up(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };

	error_set(&err, 0, "given up");
	ask_cancel(&t->call);
	t->wish = WISH_NONE;
	if (t->failing || !containerd_answers(t->engine)) { /* the second time, or nobody to ask */
		if (t->process.fd >= 0)
			process_signal(t->process.fd, SIGKILL, NULL); /* it may have been started */
		error_move(&t->why, &err);
		task_report_start_failed(t);
	} else {
		task_start_fail(t, &err);
	}
}

static void kill_done(struct ask *a, enum grpc_status status, const char *message)
{
	struct engine_task *t = a->data;

	(void)status;
	(void)message; /* the first process was sent the signal by pidfd, too */
	containerd_look(t->engine);
}

void task_kill(struct engine_task *t, int signo)
{
	if (t->ended && task_is_alone(t)) {
		ask_cancel(&t->call);
		task_report_exited(t); /* nobody is there to say how */
		return;
	}
	if (t->state == TASK_WAIT || t->state == TASK_DELETE || t->state == TASK_REMOVE || t->wish == WISH_REMOVE)
		return; /* it has ended */
	if (t->adopting && !task_is_alone(t))
		return; /* once it is known where it stands, it is stopped */
	if (t->state != TASK_IDLE && (!task_is_recording(t) || t->wish == WISH_START)) {
		start_give_up(t);
		return;
	}
	if (t->process.fd >= 0)
		process_signal(t->process.fd, signo, NULL); /* gone already: its end is on the way */
	if (signo == SIGKILL && !t->container->bundle->config.own_pid_namespace && containerd_answers(t->engine) &&
	    !ask_active(&t->kill_call)) {
		t->kill_call.done = kill_done;
		t->kill_call.data = t;
		ask_task_kill(t->engine, &t->kill_call, task_namespace(t), task_name(t), SIGKILL);
	}
}

static void exec_ended(struct containerd_exec *x, int code)
{
	struct engine_task *t = x->data;

	t->exec_done(t->exec_data, code);
	containerd_look(t->engine);
}

static void exec_break_off(struct engine_task *t)
{
	if (!containerd_exec_active(&t->exec))
		return;
	containerd_exec_cancel(&t->exec);
	t->exec_done(t->exec_data, -1);
}

/* One check of readiness may take for ever: whoever wants containerd has it break off, and another one follows. */
void tasks_break_off(struct containerd *e)
{
	for (struct list *p = e->tasks.next; p != &e->tasks; p = p->next)
		exec_break_off(list_entry(p, struct engine_task, place));
}

bool tasks_are_settled(const struct containerd *e)
{
	for (struct list *p = e->tasks.next; p != &e->tasks; p = p->next) {
		const struct engine_task *t = list_entry(p, struct engine_task, place);

		if ((t->state != TASK_IDLE && t->state != TASK_QUEUED) || ask_active(&t->kill_call) ||
		    containerd_exec_active(&t->exec))
			return false;
	}
	return true;
}

bool tasks_are_recorded(const struct containerd *e)
{
	for (struct list *p = e->tasks.next; p != &e->tasks; p = p->next) {
		const struct engine_task *t = list_entry(p, struct engine_task, place);

		if (t->unrecorded || t->stale)
			return false;
	}
	return true;
}

bool tasks_have(const struct containerd *e, const char *namespace, const char *name)
{
	for (struct list *p = e->tasks.next; p != &e->tasks; p = p->next) {
		const struct engine_task *t = list_entry(p, struct engine_task, place);

		if (str_eq(task_namespace(t), namespace) && str_eq(task_name(t), name))
			return true;
	}
	return false;
}

int task_exec(struct engine_task *t, char *const *argv, engine_exec_fn *done, void *data, struct error *err)
{
	_cleanup_free_ char *process = NULL;

	if (!containerd_begins(t->engine))
		return error_set(err, ENOTCONN, "%s", task_name(t));
	process = spec_process_read(t->container->bundle->path, argv, err);
	if (!process)
		return -1;
	t->exec_done = done;
	t->exec_data = data;
	t->exec.engine = t->engine;
	t->exec.ns = task_namespace(t);
	t->exec.id = task_name(t);
	t->exec.done = exec_ended;
	t->exec.data = t;
	containerd_exec_run(&t->exec, process);
	return 0;
}

void task_remove(struct containerd *e, struct engine_container *c)
{
	/* What the supervisor before this one made, and this one never started, is not known for certain. */
	bool there = c->task ? c->task->made : !e->engine.host->first;
	struct engine_task *t = there ? task_of(e, c, NULL) : c->task;

	if (t && task_is_recording(t)) {
		t->wish = WISH_REMOVE;
		if (ask_active(&t->call))
			return;
	} else if (there && t && containerd_answers(e)) {
		t->stale |= e->alone && t->made && !t->unrecorded;
		t->made = t->unrecorded = false;
		task_enter(t, TASK_REMOVE);
		return;
	}
	if (t)
		task_report_removed(t);
	else
		e->engine.host->events->removed(c);
}

void task_detach(struct engine_container *c)
{
	struct engine_task *t = c->task;

	c->task = NULL;
	list_remove(&t->place);
	ask_cancel(&t->call);
	ask_cancel(&t->kill_call);
	exec_break_off(t);
	task_process_forget(t);
	shim_wait_cancel(&t->shim);
	error_clear(&t->why);
	containerd_look(t->engine);
	free(t);
}
