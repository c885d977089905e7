#include <errno.h>
#include <signal.h>

#include "direct.h"
#include "io.h"
#include "process.h"
#include "recorded.h"
#include "spawn.h"
#include "str.h"
#include "task.h"

static struct engine_task *task_of(struct engine *e, struct engine_container *c)
{
	_cleanup_error_ struct error err = { 0 };
	struct engine_task *t = c->task;

	if (t)
		return t;
	t = c->task = calloc(1, sizeof(*t));
	if (!t) {
		error_set(&err, ENOMEM, "%s", c->name);
		e->host->events->start_failed(c, &err);
		return NULL;
	}
	*t = (struct engine_task){ .direct = (struct direct *)e, .container = c, .fresh = e->host->first };
	t->adopted = (struct adopted){ .ended = direct_task_process_gone, .data = t, .process.fd = -1, .note.fd = -1 };
	return t;
}

static void direct_start(struct engine *e, struct engine_container *c)
{
	struct engine_task *t = task_of(e, c);

	if (!t)
		return;
	t->giving_up = false;
	t->code = -1;
	if (!t->fresh)
		direct_task_enter(t, TASK_CLEAN);
	else
		direct_task_start(t);
}

static void direct_adopt(struct engine *e, struct engine_container *c)
{
	struct engine_task *t = task_of(e, c);
	_cleanup_free_ char *path = t ? direct_task_path(t, "process") : NULL,
			    *line = path ? file_line(path, NULL) : NULL;
	uint64_t ticks;

	if (!t)
		return;
	t->giving_up = false;
	t->code = -1;
	if (!line || recorded_parse(line, &t->noted, &ticks) < 0) {
		direct_task_process_gone(t, -1);
	} else if (adopted_watch(&t->adopted, e->host->loop, t->noted, ticks)) {
		t->pid = t->noted;
		e->host->events->started(c, t->pid);
	} else {
		adopted_await(&t->adopted, e->host->loop, t->noted);
	}
}

static void direct_kill(struct engine *e, struct engine_container *c, int signo)
{
	struct engine_task *t = c->task;

	(void)e;
	if (t->state != TASK_IDLE) {
		t->giving_up = t->state != TASK_DELETE;
		/* A runtime that hangs goes; what it did is deleted. */
		if (exit_watch_active(&t->call))
			kill(t->call.pid, SIGKILL);
	} else if (adopted_has_ended(&t->adopted)) {
		return;
	} else if (adopted_runs(&t->adopted)) {
		process_signal(t->adopted.process.fd, signo, NULL); /* gone already: its end is on the way */
	} else if (t->pid > 0) {
		kill(t->pid, signo);
	}
}

static void exec_ended(struct exit_watch *watch, int status)
{
	struct engine_task *t = watch->data;

	t->exec_done(t->exec_data, spawn_status_code(status));
}

static int direct_exec(struct engine *e, struct engine_container *c, char *const *argv, engine_exec_fn *done,
		       void *data, struct error *err)
{
	struct direct *d = (struct direct *)e;
	struct engine_task *t = c->task;
	_cleanup_strv_ char **call = runtime_argv(&d->runtime, "exec", c->name, NULL);
	struct runtime_stdio none = { -1, -1, -1 };
	pid_t pid;

	for (; call && *argv; argv++)
		if (strv_add(&call, *argv) < 0)
			return error_set(err, ENOMEM, "%s", c->name);
	pid = call ? runtime_spawn(&d->runtime, call, &none, err) : -1;
	if (pid < 0)
		return -1;
	t->exec_done = done;
	t->exec_data = data;
	t->exec = (struct exit_watch){ .fn = exec_ended, .data = t };
	if (exit_watch_add(e->host->reaper, &t->exec, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	return 0;
}

static void direct_remove(struct engine *e, struct engine_container *c)
{
	e->host->events->removed(c);
}

static void direct_detach(struct engine *e, struct engine_container *c)
{
	struct engine_task *t = c->task;

	(void)e;
	c->task = NULL;
	exit_watch_remove(&t->call);
	exit_watch_remove(&t->process);
	exit_watch_remove(&t->exec);
	direct_task_reaper_keep(t, false);
	adopted_forget(&t->adopted);
	error_clear(&t->why);
	free(t);
}

static void direct_shutdown(struct engine *e)
{
	e->host->events->gone(e, e->host->data);
}

static void direct_free(struct engine *e)
{
	free(e);
}

static const struct engine_ops direct_ops = {
	.name = "runtime",
	.start = direct_start,
	.adopt = direct_adopt,
	.kill = direct_kill,
	.exec = direct_exec,
	.remove = direct_remove,
	.detach = direct_detach,
	.shutdown = direct_shutdown,
	.free = direct_free,
};

struct engine *engine_direct(const struct engine_host *host, const char *runtime, const char *root, struct error *err)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d) {
		error_set(err, ENOMEM, "engine");
		return NULL;
	}
	*d = (struct direct){ .engine = { .ops = &direct_ops, .host = host },
			      .runtime = { .path = runtime ? runtime : runtime_find(err), .root = root } };
	if (!d->runtime.path) {
		free(d);
		return NULL;
	}
	return &d->engine;
}
