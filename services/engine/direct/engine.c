/* The engine without containerd: bundles straight on the OCI runtime.
 *
 * start    `run --detach`, or `create`, preparation and `start` where something has to happen in between. The
 *          container's first process becomes our child when the runtime has gone (we are a subreaper); the runtime
 *          wrote its id into a file.
 * the end  is that child's; then `delete --force` takes the rest away.
 *
 * RUN_DIR/NAME/process remembers process id and start time: a supervisor that is started again takes its
 * containers over. They are PID 1's children by then, which notes their exit status for us (orphan.h). */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "engine.h"
#include "io.h"
#include "log.h"
#include "orphan.h"
#include "process.h"
#include "report.h"
#include "runtime.h"
#include "service.h"
#include "spawn.h"
#include "str.h"
#include "supervisor.h"

enum { NOTE_US = 2 * 1000 * 1000 }; /* for PID 1, to reap what has ended; another than ours leaves no note */

struct direct {
	struct engine engine;
	struct runtime runtime;
};

/* Calls of the runtime, one at a time. */
enum step { STEP_NONE, STEP_CLEAN, STEP_RUN, STEP_CREATE, STEP_START, STEP_DELETE };

struct engine_task {
	struct direct *direct;
	struct service *service;
	enum step step;
	struct loop_child call;    /* the runtime */
	struct loop_child process; /* the container's, when it is our child */
	struct loop_io adopted;    /* the same, when it is not: its pidfd, */
	struct loop_io note;       /* then an inotify descriptor for the note of its end */
	struct loop_timer patience;
	struct loop_child exec;
	engine_exec_fn *exec_done;
	pid_t pid;
	pid_t noted; /* a note of its end is asked for under this number */
	int code;
	bool fresh; /* nothing of it can be left from before */
	bool giving_up;
	struct error why; /* it could not be started */
};

static void step_begin(struct engine_task *t, enum step step);

static const char *name_of(const struct engine_task *t)
{
	return t->service->name;
}

static char *run_path(const struct engine_task *t, const char *file)
{
	return str_format(SUPERVISOR_RUN_DIR "/%s/%s", name_of(t), file);
}

/* --- the end ------------------------------------------------------------------------------------------------- */

static void adopted_forget(struct engine_task *t)
{
	loop_timer_disarm(&t->patience);
	loop_io_remove(&t->adopted);
	loop_io_remove(&t->note);
	cleanup_close(&t->adopted.fd);
	cleanup_close(&t->note.fd);
	t->adopted.fd = t->note.fd = -1;
}

static void forget_process(struct engine_task *t)
{
	_cleanup_free_ char *path = run_path(t, "process");

	loop_child_remove(&t->process);
	adopted_forget(t);
	if (t->noted)
		orphan_forget(t->noted);
	t->pid = t->noted = 0;
	if (path)
		unlink(path);
}

/* Deletes what there is of the container; the report follows when that is done. */
static void fail(struct engine_task *t)
{
	if (t->pid && t->process.io.loop)
		kill(t->pid, SIGKILL); /* our own child, not reaped yet: it is still that process */
	step_begin(t, STEP_DELETE);
}

static void fail_with(struct engine_task *t, struct error *why)
{
	error_move(&t->why, why);
	fail(t);
}

static void process_gone(struct engine_task *t, int code)
{
	/* While it is being started, the runtime's call says what went wrong. */
	t->code = code;
	if (t->step == STEP_NONE)
		step_begin(t, STEP_DELETE);
}

static void process_ended(struct loop_child *child, int status)
{
	struct engine_task *t = child->data;

	t->pid = 0;
	process_gone(t, spawn_status_code(status));
}

static void note_late(struct loop_timer *timer)
{
	struct engine_task *t = timer->data;
	int code = orphan_status(t->noted);

	adopted_forget(t);
	t->pid = 0;
	process_gone(t, code);
}

static void note_written(struct loop_io *io, uint32_t events)
{
	struct engine_task *t = io->data;

	(void)events;
	note_late(&t->patience);
}

/* It has ended, but may not have been reaped yet. */
static void note_await(struct engine_task *t)
{
	struct loop *loop = t->direct->engine.supervisor->loop;
	char path[ORPHAN_PATH];

	adopted_forget(t);
	orphan_path(path, t->noted);
	t->patience = (struct loop_timer){ .fn = note_late, .data = t };
	t->note = (struct loop_io){
		.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = EPOLLIN, .fn = note_written, .data = t
	};
	/* Watched first, then looked: it cannot come in between. */
	if (t->note.fd < 0 || inotify_add_watch(t->note.fd, path, IN_MODIFY) < 0 ||
	    loop_io_add(loop, &t->note, NULL) < 0 || orphan_status(t->noted) >= 0)
		note_late(&t->patience);
	else
		loop_timer_after(loop, &t->patience, NOTE_US, NULL);
}

static void adopted_ended(struct loop_io *io, uint32_t events)
{
	(void)events;
	note_await(io->data);
}

static void deleted(struct engine_task *t)
{
	struct error why = t->why;

	t->why = (struct error){ 0 };
	t->step = STEP_NONE;
	forget_process(t);
	if (why.msg || why.code || t->giving_up) {
		if (!why.msg)
			error_set(&why, 0, "given up");
		service_start_failed(t->service, &why);
		error_clear(&why);
	} else {
		service_exited(t->service, t->code);
	}
}

/* --- the start ------------------------------------------------------------------------------------------------- */

static int process_read(struct engine_task *t, struct error *err)
{
	_cleanup_free_ char *path = run_path(t, "pid"), *note = run_path(t, "process"), *line = NULL, *text = NULL;
	uint64_t pid = 0, ticks = 0;

	line = path && note ? file_line(path, err) : NULL;
	if (!line)
		return -1;
	if (str_to_u64(line, 1 << 22, &pid) < 0 || pid < 2)
		return error_set(err, EPROTO, "process id '%s' from the runtime", line);
	t->pid = (pid_t)pid;
	t->process = (struct loop_child){ .fn = process_ended, .data = t };
	if (loop_child_add(t->direct->engine.supervisor->loop, &t->process, t->pid, err) < 0)
		return -1;
	/* One that is over already leaves nothing to take over later. */
	if (process_start_time(t->pid, &ticks, NULL) == 0 &&
	    (text = str_format("%" PRIu64 " %" PRIu64 "\n", pid, ticks)) && orphan_expect(t->pid, NULL) == 0) {
		t->noted = t->pid;
		file_write(note, text, strlen(text), 0644, NULL);
	}
	unlink(path);
	return 0;
}

static void started(struct engine_task *t)
{
	t->step = STEP_NONE;
	t->fresh = false;
	service_started(t->service, t->pid);
	/* It may have ended before we looked. */
	if (t->step == STEP_NONE && t->pid == 0)
		step_begin(t, STEP_DELETE);
}

static void created(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };

	if (process_read(t, &err) < 0 || prepare_process(&t->service->bundle, t->pid, &err) < 0)
		fail_with(t, &err);
	else
		step_begin(t, STEP_START);
}

static void ran(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };

	if (process_read(t, &err) < 0)
		fail_with(t, &err);
	else
		started(t);
}

static void call_ended(struct loop_child *child, int status)
{
	struct engine_task *t = child->data;
	enum step step = t->step;

	if (step == STEP_CLEAN && t->giving_up) {
		deleted(t);
	} else if (step == STEP_CLEAN) {
		t->fresh = true;
		step_begin(t, oci_runtime_splits_start(&t->service->bundle.runtime) ? STEP_CREATE : STEP_RUN);
	} else if (step == STEP_DELETE) {
		deleted(t);
	} else if (status != 0) {
		error_set(&t->why, 0, "%s: %s", t->direct->runtime.path, spawn_status_text(status));
		fail(t);
	} else if (t->giving_up) {
		if (step != STEP_START)
			process_read(t, NULL); /* without it there is nothing to kill either */
		fail(t);
	} else if (step == STEP_CREATE) {
		created(t);
	} else if (step == STEP_RUN) {
		ran(t);
	} else {
		started(t);
	}
}

static char **step_argv(struct engine_task *t, enum step step)
{
	const struct runtime *rt = &t->direct->runtime;
	const char *bundle = t->service->bundle.path;
	_cleanup_free_ char *pidfile = run_path(t, "pid");

	if (!pidfile)
		return NULL;
	switch (step) {
	case STEP_RUN:
		return runtime_argv(rt, "run", "--detach", "--bundle", bundle, "--pid-file", pidfile, name_of(t), NULL);
	case STEP_CREATE:
		return runtime_argv(rt, "create", "--bundle", bundle, "--pid-file", pidfile, name_of(t), NULL);
	case STEP_START:
		return runtime_argv(rt, "start", name_of(t), NULL);
	default:
		return runtime_argv(rt, "delete", "--force", name_of(t), NULL);
	}
}

static int step_spawn(struct engine_task *t, enum step step, struct error *err)
{
	const struct capture *c = &t->service->capture;
	_cleanup_strv_ char **argv = step_argv(t, step);
	_cleanup_close_ int out = -1, both = -1;
	pid_t pid;

	if (!argv)
		return error_set(err, ENOMEM, "%s", t->direct->runtime.path);
	/* What it says when there is nothing to delete is nobody's business. */
	if (step != STEP_CLEAN && step != STEP_DELETE &&
	    ((out = capture_writer(&c->out, err)) < 0 || (both = capture_writer(&c->err, err)) < 0))
		return -1;
	pid = runtime_spawn(&t->direct->runtime, argv, &(struct runtime_stdio){ .in = -1, .out = out, .err = both },
			    err);
	if (pid < 0)
		return -1;
	t->call = (struct loop_child){ .fn = call_ended, .data = t };
	if (loop_child_add(t->direct->engine.supervisor->loop, &t->call, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	return 0;
}

static void step_begin(struct engine_task *t, enum step step)
{
	_cleanup_error_ struct error err = { 0 };

	t->step = step;
	if (step_spawn(t, step, &err) == 0)
		return;
	if (step == STEP_DELETE) {
		log_error("%s: %s", name_of(t), error_text(&err));
		deleted(t);
	} else if (step == STEP_CLEAN) {
		t->step = STEP_NONE;
		service_start_failed(t->service, &err);
	} else {
		fail_with(t, &err);
	}
}

static struct engine_task *task_of(struct engine *e, struct service *s)
{
	_cleanup_error_ struct error err = { 0 };
	struct engine_task *t = s->task;

	if (t)
		return t;
	t = s->task = calloc(1, sizeof(*t));
	if (!t) {
		error_set(&err, ENOMEM, "%s", s->name);
		service_start_failed(s, &err);
		return NULL;
	}
	*t = (struct engine_task){ .direct = (struct direct *)e, .service = s, .adopted.fd = -1, .note.fd = -1 };
	t->fresh = e->supervisor->first;
	return t;
}

static void direct_start(struct engine *e, struct service *s)
{
	struct engine_task *t = task_of(e, s);

	if (!t)
		return;
	t->giving_up = false;
	t->code = -1;
	if (!t->fresh)
		step_begin(t, STEP_CLEAN);
	else
		step_begin(t, oci_runtime_splits_start(&s->bundle.runtime) ? STEP_CREATE : STEP_RUN);
}

/* Watches the process, unless it has ended since, or its number is another's by now. */
static bool process_adopt(struct engine_task *t, pid_t pid, uint64_t ticks)
{
	uint64_t now;

	t->adopted =
		(struct loop_io){ .fd = process_open(pid, NULL), .events = EPOLLIN, .fn = adopted_ended, .data = t };
	if (t->adopted.fd >= 0 && poll(&(struct pollfd){ t->adopted.fd, POLLIN, 0 }, 1, 0) == 0 &&
	    process_start_time(pid, &now, NULL) == 0 && now == ticks &&
	    loop_io_add(t->direct->engine.supervisor->loop, &t->adopted, NULL) == 0) {
		t->pid = pid;
		return true;
	}
	adopted_forget(t);
	return false;
}

static void direct_adopt(struct engine *e, struct service *s)
{
	struct engine_task *t = task_of(e, s);
	_cleanup_free_ char *path = t ? run_path(t, "process") : NULL, *line = path ? file_line(path, NULL) : NULL;
	uint64_t ticks;

	if (!t)
		return;
	t->giving_up = false;
	t->code = -1;
	if (!line || saved_process_parse(line, &t->noted, &ticks) < 0)
		process_gone(t, -1);
	else if (process_adopt(t, t->noted, ticks))
		service_started(s, t->pid);
	else
		note_await(t);
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static void direct_kill(struct engine *e, struct service *s, int signo)
{
	struct engine_task *t = s->task;

	(void)e;
	if (t->step != STEP_NONE) {
		t->giving_up = t->step != STEP_DELETE;
		/* A runtime that hangs goes; what it did is deleted. */
		if (loop_io_active(&t->call.io))
			kill(t->call.pid, SIGKILL);
	} else if (t->note.fd >= 0) {
		return; /* it has ended */
	} else if (t->adopted.fd >= 0) {
		process_signal(t->adopted.fd, signo, NULL); /* gone already: its end is on the way */
	} else if (t->pid > 0) {
		kill(t->pid, signo);
	}
}

static void exec_ended(struct loop_child *child, int status)
{
	struct engine_task *t = child->data;

	t->exec_done(t->service, spawn_status_code(status));
}

static int direct_exec(struct engine *e, struct service *s, char *const *argv, engine_exec_fn *done, struct error *err)
{
	struct direct *d = (struct direct *)e;
	struct engine_task *t = s->task;
	_cleanup_strv_ char **call = runtime_argv(&d->runtime, "exec", s->name, NULL);
	struct runtime_stdio none = { -1, -1, -1 };
	pid_t pid;

	for (; call && *argv; argv++)
		if (strv_add(&call, *argv) < 0)
			return error_set(err, ENOMEM, "%s", s->name);
	pid = call ? runtime_spawn(&d->runtime, call, &none, err) : -1;
	if (pid < 0)
		return -1;
	t->exec_done = done;
	t->exec = (struct loop_child){ .fn = exec_ended, .data = t };
	if (loop_child_add(e->supervisor->loop, &t->exec, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	return 0;
}

static void direct_remove(struct engine *e, struct service *s)
{
	(void)e;
	service_removed(s);
}

static void direct_detach(struct engine *e, struct service *s)
{
	struct engine_task *t = s->task;

	(void)e;
	s->task = NULL;
	loop_child_remove(&t->call);
	loop_child_remove(&t->process);
	loop_child_remove(&t->exec);
	adopted_forget(t);
	error_clear(&t->why);
	free(t);
}

static void direct_shutdown(struct engine *e)
{
	engine_gone(e);
}

static void direct_free(struct engine *e)
{
	free(e);
}

struct engine *engine_direct(struct supervisor *v, const char *runtime, const char *root, struct error *err)
{
	static const struct engine_ops ops = {
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
	struct direct *d = calloc(1, sizeof(*d));

	if (!d) {
		error_set(err, ENOMEM, "engine");
		return NULL;
	}
	*d = (struct direct){ .engine = { .ops = &ops, .supervisor = v },
			      .runtime = { .path = runtime ? runtime : runtime_find(err), .root = root } };
	if (!d->runtime.path) {
		free(d);
		return NULL;
	}
	return &d->engine;
}
