#include "task.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "io.h"
#include "log.h"
#include "orphan.h"
#include "pid_file.h"
#include "prepare.h"
#include "process.h"
#include "spawn.h"
#include "str.h"

char *direct_task_path(const struct engine_task *t, const char *file)
{
	return str_format("%s/%s/%s", task_host(t)->run_dir, task_name(t), file);
}

void direct_task_reaper_keep(struct engine_task *t, bool keep)
{
	if (keep && !t->held)
		reaper_hold(task_host(t)->reaper);
	else if (!keep && t->held)
		reaper_release(task_host(t)->reaper);
	t->held = keep;
}

/* --- the end ------------------------------------------------------------------------------------------------- */

static void process_forget(struct engine_task *t)
{
	_cleanup_free_ char *path = direct_task_path(t, "process");

	exit_watch_remove(&t->process);
	adopted_forget(&t->adopted);
	if (t->noted)
		orphan_forget(t->noted);
	t->pid = t->noted = 0;
	if (path)
		unlink(path);
}

/* Deletes what there is of the container; the report follows when that is done. */
static void start_undo(struct engine_task *t)
{
	if (t->pid && exit_watch_active(&t->process))
		kill(t->pid, SIGKILL); /* our own child, not reaped yet: it is still that process */
	direct_task_enter(t, TASK_DELETE);
}

static void start_fail(struct engine_task *t, struct error *why)
{
	error_move(&t->why, why);
	start_undo(t);
}

void direct_task_process_gone(void *data, int code)
{
	struct engine_task *t = data;

	/* While it is being started, the runtime's call says what went wrong. */
	t->pid = 0;
	t->code = code;
	if (task_events(t)->ending)
		task_events(t)->ending(t->container);
	if (t->state == TASK_IDLE)
		direct_task_enter(t, TASK_DELETE);
}

static void process_ended(struct exit_watch *watch, int status)
{
	direct_task_process_gone(watch->data, spawn_status_code(status));
}

static void delete_ended(struct engine_task *t)
{
	struct error why = t->why;

	t->why = (struct error){ 0 };
	t->state = TASK_IDLE;
	direct_task_reaper_keep(t, false);
	process_forget(t);
	if (why.msg || why.code || t->giving_up) {
		if (!why.msg)
			error_set(&why, 0, "given up");
		task_events(t)->start_failed(t->container, &why);
		error_clear(&why);
	} else {
		task_events(t)->exited(t->container, t->code);
	}
}

/* --- the start ------------------------------------------------------------------------------------------------- */

static int process_read(struct engine_task *t, struct error *err)
{
	_cleanup_free_ char *path = direct_task_path(t, "pid"), *note = direct_task_path(t, "process"), *text = NULL;
	uint64_t ticks = 0;
	int r;

	if (!path || !note)
		return error_set(err, ENOMEM, "process id");
	if (pid_file_read(path, &t->pid, err) < 0)
		return -1;
	t->process = (struct exit_watch){ .fn = process_ended, .data = t };
	r = exit_watch_add(task_host(t)->reaper, &t->process, t->pid, err);
	direct_task_reaper_keep(t, false);
	if (r < 0)
		return -1;
	/* One that is over already leaves nothing to take over later. */
	if (process_start_time(t->pid, &ticks, NULL) == 0 &&
	    (text = str_format("%d %" PRIu64 "\n", (int)t->pid, ticks)) && orphan_expect(t->pid, NULL) == 0) {
		t->noted = t->pid;
		file_write(note, text, strlen(text), 0644, NULL);
	}
	unlink(path);
	return 0;
}

static void report_started(struct engine_task *t)
{
	t->state = TASK_IDLE;
	t->fresh = false;
	task_events(t)->started(t->container, t->pid);
	/* It may have ended before we looked. */
	if (t->state == TASK_IDLE && t->pid == 0)
		direct_task_enter(t, TASK_DELETE);
}

static void create_ended(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };

	if (process_read(t, &err) < 0 || prepare_process(t->container->bundle, t->pid, &err) < 0)
		start_fail(t, &err);
	else
		direct_task_enter(t, TASK_BEGIN);
}

static void run_ended(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };

	if (process_read(t, &err) < 0)
		start_fail(t, &err);
	else
		report_started(t);
}

void direct_task_start(struct engine_task *t)
{
	direct_task_enter(t, oci_runtime_splits_start(&t->container->bundle->runtime) ? TASK_CREATE : TASK_RUN);
}

static void call_ended(struct exit_watch *watch, int status)
{
	struct engine_task *t = watch->data;
	enum task_state state = t->state;

	if (state == TASK_CLEAN && t->giving_up) {
		delete_ended(t);
	} else if (state == TASK_CLEAN) {
		t->fresh = true;
		direct_task_start(t);
	} else if (state == TASK_DELETE) {
		delete_ended(t);
	} else if (status != 0) {
		error_set(&t->why, 0, "%s: %s", t->direct->runtime.path, spawn_status_text(status));
		start_undo(t);
	} else if (t->giving_up) {
		if (state != TASK_BEGIN)
			process_read(t, NULL); /* without it there is nothing to kill either */
		start_undo(t);
	} else if (state == TASK_CREATE) {
		create_ended(t);
	} else if (state == TASK_RUN) {
		run_ended(t);
	} else {
		report_started(t);
	}
}

static char **call_argv(struct engine_task *t)
{
	const struct runtime *rt = &t->direct->runtime;
	const char *bundle = t->container->bundle->path, *name = task_name(t);
	_cleanup_free_ char *pidfile = direct_task_path(t, "pid");

	if (!pidfile)
		return NULL;
	switch (t->state) {
	case TASK_RUN:
		return runtime_argv(rt, "run", "--detach", "--bundle", bundle, "--pid-file", pidfile, name, NULL);
	case TASK_CREATE:
		return runtime_argv(rt, "create", "--bundle", bundle, "--pid-file", pidfile, name, NULL);
	case TASK_BEGIN:
		return runtime_argv(rt, "start", name, NULL);
	default:
		return runtime_argv(rt, "delete", "--force", name, NULL);
	}
}

static int call_spawn(struct engine_task *t, struct error *err)
{
	const struct capture *c = t->container->capture;
	_cleanup_strv_ char **argv = call_argv(t);
	_cleanup_close_ int out = -1, both = -1;
	pid_t pid;

	if (!argv)
		return error_set(err, ENOMEM, "%s", t->direct->runtime.path);
	/* What it says when there is nothing to delete is nobody's business. */
	if (t->state != TASK_CLEAN && t->state != TASK_DELETE &&
	    ((out = capture_writer(&c->out, err)) < 0 || (both = capture_writer(&c->err, err)) < 0))
		return -1;
	pid = runtime_spawn(&t->direct->runtime, argv, &(struct runtime_stdio){ .in = -1, .out = out, .err = both },
			    err);
	if (pid < 0)
		return -1;
	t->call = (struct exit_watch){ .fn = call_ended, .data = t };
	if (exit_watch_add(task_host(t)->reaper, &t->call, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	return 0;
}

void direct_task_enter(struct engine_task *t, enum task_state state)
{
	_cleanup_error_ struct error err = { 0 };

	t->state = state;
	direct_task_reaper_keep(t, state == TASK_RUN || state == TASK_CREATE);
	if (call_spawn(t, &err) == 0)
		return;
	if (state == TASK_DELETE) {
		log_error("%s: %s", task_name(t), error_text(&err));
		delete_ended(t);
	} else if (state == TASK_CLEAN) {
		t->state = TASK_IDLE;
		task_events(t)->start_failed(t->container, &err);
	} else {
		start_fail(t, &err);
	}
}
