/* Start: the first process by its fifo where the runtime is runc, else by `runtime start`, or `runtime restore` from a
 * checkpoint; an added process by `runtime exec`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io.h"
#include "jsonr.h"
#include "libcontainer.h"
#include "log.h"
#include "ptysock.h"
#include "reply.h"
#include "shim.h"
#include "str.h"
#include "task.h"

enum {
	/* For the container's program to take the place of the runtime's: hooks come before it. */
	PROGRAM_US = 5 * 1000000,
	PROGRAM_LOOK_US = 100,
};

struct start {
	struct op op;
	struct ptysock console;
	struct loop_io fifo;
	struct loop_io look;       /* timerfd: finer than a loop_timer */
	struct loop_timer program; /* the longest wait for it */
	char *runtime;             /* name of the runtime's process */
	bool passed;               /* which has been told to go on */
	bool console_needed;
};

static struct start *start_of(struct op *op)
{
	return (struct start *)(void *)op; /* the first member */
}

static void io_close(struct loop_io *io)
{
	loop_io_remove(io);
	cleanup_close(&io->fd);
	io->fd = -1;
}

static void fifo_close(struct start *t)
{
	io_close(&t->fifo);
	io_close(&t->look);
	loop_timer_disarm(&t->program);
}

static void start_free(struct op *op)
{
	struct start *t = start_of(op);

	if (op->queued)
		op->process->starting = false;
	fifo_close(t);
	ptysock_close(&t->console);
	free(t->runtime);
	free(t);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void started(struct start *t)
{
	struct process *p = t->op.process;
	struct container *c = p->container;
	Containerd__Task__V2__StartResponse response = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
	Containerd__Events__TaskStart init = CONTAINERD__EVENTS__TASK_START__INIT;
	Containerd__Events__TaskExecStarted exec = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;

	response.pid = init.pid = exec.pid = (uint32_t)p->pid;
	init.container_id = exec.container_id = c->id;
	exec.exec_id = p->id;
	if (process_is_init(p))
		publish(&c->shim->publisher, "/tasks/start", &init.base);
	else
		publish(&c->shim->publisher, "/tasks/exec-started", &exec.base);
	p->state = PROCESS_RUNNING;
	p->told = true;
	p->starting = false;
	op_reply(&t->op, &response.base);
	process_settle(p);
	op_end(&t->op);
}

/* Takes the error. */
static void start_failed(struct start *t, struct error *err)
{
	struct process *p = t->op.process;
	struct container *c = p->container;

	p->starting = false;
	op_fail(&t->op, GRPC_UNKNOWN, err);
	error_clear(err);
	if (!process_is_init(p)) {
		/* It never ran, and never will: who waits for it shall not wait for ever. */
		if (p->pid > 0 && !p->ended)
			kill(p->pid, SIGKILL);
		streams_close(&p->streams);
		p->status = 255;
		clock_gettime(CLOCK_REALTIME, &p->ended_at);
		/* As containerd's own shim has it: what the runtime made nothing of was created, and can be deleted. */
		p->failed = true;
		if (p->pid > 0)
			p->state = PROCESS_STOPPED;
		process_answer(p);
	}
	process_settle(p);
	process_settle(&c->init);
	op_end(&t->op);
}

static char *pid_file_of(const struct process *p)
{
	return process_is_init(p) ? str_format("%s/init.pid", p->container->bundle)
				  : str_format("%s/.exec-%s.pid", p->container->bundle, p->id);
}

static void adopt(struct start *t)
{
	struct process *p = t->op.process;
	struct container *c = p->container;
	_cleanup_free_ char *pid_file = pid_file_of(p);
	_cleanup_error_ struct error e = { 0 };

	if (!pid_file)
		error_set(&e, ENOMEM, "process");
	else if (task_adopt(p, pid_file, &e) == 0) {
		if (process_is_init(p))
			task_join_cgroups(c);
		started(t);
		return;
	}
	start_failed(t, &e);
}

/* --- the runtime -------------------------------------------------------------------------------------------------- */

static void console_came(struct ptysock *console, int master, const struct error *err)
{
	struct start *t = console->data;
	_cleanup_error_ struct error e = { 0 };

	if (err)
		error_set(&e, 0, "%s", error_text(err));
	else if (streams_start_console(&t->op.process->streams, master, &e) == 0) {
		adopt(t);
		return;
	}
	start_failed(t, &e);
}

/* Of a call that made a process. */
static void made(struct job *job)
{
	struct start *t = start_of(op_of(job));
	struct streams *s = &t->op.process->streams;
	_cleanup_error_ struct error e = { 0 };

	if (!job_succeeded(job)) {
		job_hear(job, streams_outputs(s)[0]);
		job_hear(job, streams_outputs(s)[1]);
		job_error(job,
			  process_is_init(t->op.process) ? "OCI runtime restore failed" : "OCI runtime exec failed",
			  &e);
		start_failed(t, &e);
	} else if (t->console_needed) {
		ptysock_wait(&t->console, console_came, t);
	} else {
		if (streams_start(s, &e) < 0)
			log_warn("%s: %s", t->op.container->id, error_text(&e));
		adopt(t);
	}
}

/* argv is freed; NULL is no memory. What the process writes before the call has ended stays in its pipes so long. */
static int make(struct start *t, char **argv, int input, struct error *err)
{
	const int *stdio = t->console_needed ? NULL : t->op.process->streams.child;

	return op_runtime(&t->op, argv, stdio, input, false, made, err);
}

/* Adds --console-socket PATH, --pid-file FILE and the container's name. */
static int argv_finish(struct start *t, char ***argv)
{
	if (t->console_needed &&
	    (strv_add(argv, "--console-socket") < 0 || strv_add(argv, ptysock_path(&t->console)) < 0))
		return -1;
	if (strv_add(argv, "--pid-file") < 0 || strv_take(argv, pid_file_of(t->op.process)) < 0)
		return -1;
	return strv_add(argv, t->op.container->id);
}

/* --- from a checkpoint -------------------------------------------------------------------------------------------- */

static void restore(struct start *t)
{
	struct container *c = t->op.container;
	const struct runtime rt = container_runtime(c);
	_cleanup_strv_ char **argv = runtime_argv(&rt, "restore", "--detach", "--no-subreaper", "--bundle", c->bundle,
						  "--image-path", c->checkpoint, "--work-path", NULL);
	_cleanup_error_ struct error e = { 0 };
	bool good = argv &&
		(*c->options.criu_work_path ? strv_add(&argv, c->options.criu_work_path)
					    : strv_addf(&argv, "%s/work", c->bundle)) == 0 &&
		(!c->parent_checkpoint ||
		 (strv_add(&argv, "--parent-path") == 0 && strv_add(&argv, c->parent_checkpoint) == 0)) &&
		(!c->options.no_pivot_root || strv_add(&argv, "--no-pivot") == 0);

	if (t->console_needed && ptysock_open(&t->console, c->shim->loop, c->bundle, "init", &e) < 0)
		error_wrap(&e, "terminal");
	else if (!good || argv_finish(t, &argv) < 0)
		error_set(&e, ENOMEM, "OCI runtime restore failed");
	else if (make(t, steal_ptr(&argv), -1, &e) == 0)
		return;
	start_failed(t, &e);
}

/* --- an added process --------------------------------------------------------------------------------------------- */

/* The description, with what the request says about the terminal: that wins over what stands in it. */
static int spec_terminal(const struct buf *spec, bool terminal, struct buf *out)
{
	struct jsonr doc, key, value;
	struct jsonr_iter it;

	if (jsonr_parse(buf_text(spec), spec->len, &doc, NULL) < 0 || doc.type != JSONR_OBJECT) {
		errno = EINVAL;
		return -1;
	}
	if (buf_addf(out, "{\"terminal\":%s", terminal ? "true" : "false") < 0)
		return -1;
	for (it = jsonr_iter(&doc); jsonr_member(&it, &key, &value);)
		if (!jsonr_is(&key, "terminal") &&
		    buf_addf(out, ",%.*s:%.*s", (int)key.len, key.start, (int)value.len, value.start) < 0)
			return -1;
	return buf_addstr(out, "}");
}

static int spec_file(const struct process *p, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("process", MFD_CLOEXEC);
	_cleanup_buf_ struct buf text = { 0 };

	if (fd < 0 || spec_terminal(&p->spec, p->paths.terminal, &text) < 0 ||
	    io_write(fd, buf_bytes(&text), text.len) < 0)
		return error_set(err, errno, "description of the process");
	return steal_fd(&fd);
}

static void exec_streams_ready(struct streams *s, const struct error *why)
{
	struct start *t = s->data;
	struct process *p = t->op.process;
	struct container *c = t->op.container;
	const struct runtime rt = container_runtime(c);
	_cleanup_strv_ char **argv = runtime_argv(&rt, "exec", "--detach", "--process", JOB_INPUT_PATH, NULL);
	_cleanup_error_ struct error e = { 0 };
	_cleanup_close_ int spec = -1;

	if (why)
		error_set(&e, 0, "%s", error_text(why));
	else if (t->console_needed && ptysock_open(&t->console, c->shim->loop, c->bundle, p->id, &e) < 0)
		error_wrap(&e, "terminal");
	else if (!argv || argv_finish(t, &argv) < 0)
		error_set(&e, ENOMEM, "OCI runtime exec failed");
	else if ((spec = spec_file(p, &e)) >= 0 && make(t, steal_ptr(&argv), spec, &e) == 0) {
		buf_free(&p->spec);
		return;
	} else {
		error_wrap(&e, "OCI runtime exec failed");
	}
	start_failed(t, &e);
}

static void exec_run(struct op *op)
{
	struct start *t = start_of(op);
	struct process *p = op->process;
	_cleanup_error_ struct error e = { 0 };

	/* While it waited for its turn, the container may have ended. */
	if (p->container->init.ended || p->state != PROCESS_CREATED || p->deletion) {
		error_set(&e, 0, "container %s: its first process is not running", p->container->id);
		p->starting = false;
		op_fail(op, GRPC_FAILED_PRECONDITION, &e);
		process_settle(&p->container->init);
		op_end(op);
		return;
	}
	p->streams.data = t;
	streams_prepare(&p->streams, &p->container->streams_owner, &p->paths, exec_streams_ready);
}

/* --- the first process -------------------------------------------------------------------------------------------- */

static void runtime_done(struct job *job)
{
	struct start *t = start_of(op_of(job));
	_cleanup_error_ struct error e = { 0 };

	if (job_succeeded(job)) {
		started(t);
		return;
	}
	job_error(job, "OCI runtime start failed", &e);
	start_failed(t, &e);
}

static void runtime_start(struct start *t)
{
	struct container *c = t->op.container;
	const struct runtime rt = container_runtime(c);
	_cleanup_error_ struct error e = { 0 };

	if (op_runtime(&t->op, runtime_argv(&rt, "start", c->id, NULL), NULL, -1, false, runtime_done, &e) == 0)
		return;
	error_wrap(&e, "OCI runtime start failed");
	start_failed(t, &e);
}

/* The runtime's process closes the other end immediately before execve(2), or with it. A signal sent after Start's
 * answer has to reach the program, thus this waits for the process to change its name, too. */
static void program_awaited(struct start *t)
{
	fifo_close(t);
	started(t);
}

static char *process_name(const struct start *t)
{
	_cleanup_free_ char *path = str_format("/proc/%d/comm", (int)t->op.process->pid);

	return path ? file_line(path, NULL) : NULL;
}

static bool program_is_there(const struct start *t)
{
	_cleanup_free_ char *now = process_name(t);

	return !now || !t->runtime || !str_eq(now, t->runtime);
}

static void program_look(struct loop_io *io, uint32_t events)
{
	struct start *t = io->data;
	uint64_t count;

	(void)events;
	if (read(io->fd, &count, sizeof(count)) == (ssize_t)sizeof(count) && program_is_there(t))
		program_awaited(t);
}

static void program_late(struct loop_timer *timer)
{
	program_awaited(timer->data);
}

/* The other end has been closed: it takes no more than execve(2) does. */
static void program_await(struct start *t)
{
	static const struct itimerspec often = { { 0, PROGRAM_LOOK_US * 1000L }, { 0, PROGRAM_LOOK_US * 1000L } };

	io_close(&t->fifo);
	if (program_is_there(t) || !loop_timer_armed(&t->program)) {
		program_awaited(t);
		return;
	}
	t->look.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->look.fd < 0 || timerfd_settime(t->look.fd, 0, &often, NULL) < 0 ||
	    loop_io_add(t->op.container->shim->loop, &t->look, NULL) < 0)
		program_awaited(t);
}

static void fifo_ready(struct loop_io *io, uint32_t events)
{
	struct start *t = io->data;
	struct container *c = t->op.container;
	_cleanup_error_ struct error e = { 0 };
	char byte;
	ssize_t n = read(io->fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && !t->passed) {
		libcontainer_start_done(c->options.root, c->id);
		t->passed = true;
		if (!c->init.ended && loop_timer_after(c->shim->loop, &t->program, PROGRAM_US, NULL) == 0)
			return;
	}
	if (t->passed) {
		program_await(t);
		return;
	}
	fifo_close(t);
	error_set(&e, 0, "OCI runtime start failed: the container's process has ended");
	start_failed(t, &e);
}

static void init_ended(struct op *op)
{
	struct start *t = start_of(op);

	/* Nobody is left to come to the other end, but somebody may have been there. */
	if (loop_io_active(&t->fifo))
		fifo_ready(&t->fifo, 0);
	else if (loop_io_active(&t->look))
		program_awaited(t);
}

static void init_run(struct op *op)
{
	struct start *t = start_of(op);
	struct container *c = op->container;
	_cleanup_error_ struct error e = { 0 };

	if (c->init.state != PROCESS_CREATED) {
		error_set(&e, 0, "cannot start a %s process", c->init.state == PROCESS_STOPPED ? "stopped" : "running");
		op_fail(op, GRPC_FAILED_PRECONDITION, &e);
		op_end(op);
		return;
	}
	c->init.starting = true;
	if (c->checkpoint) {
		restore(t);
		return;
	}
	t->fifo.fd = libcontainer_start_open(c->options.root, c->id, c->init.pid);
	t->fifo.events = EPOLLIN;
	t->fifo.fn = fifo_ready;
	t->fifo.data = t;
	t->program = (struct loop_timer){ .fn = program_late, .data = t };
	t->look = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = program_look, .data = t };
	t->runtime = process_name(t);
	if (t->fifo.fd >= 0 && !c->init.ended && loop_io_add(c->shim->loop, &t->fifo, NULL) == 0)
		return;
	fifo_close(t);
	runtime_start(t);
}

void task_start(struct process *p, struct call *call)
{
	struct start *t = calloc(1, sizeof(*t));

	if (!t) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	t->fifo.fd = t->look.fd = -1;
	ptysock_init(&t->console);
	t->console_needed = p->paths.terminal;
	t->op = (struct op){ .container = p->container, .process = p, .call = call, .free = start_free };
	t->op.shared = !process_is_init(p);
	t->op.run = process_is_init(p) ? init_run : exec_run;
	t->op.init_ended = process_is_init(p) ? init_ended : NULL;
	if (!process_is_init(p)) {
		if (p->starting || p->state != PROCESS_CREATED) {
			free(t);
			call_fail(call, GRPC_FAILED_PRECONDITION, "cannot start a %s process",
				  p->state == PROCESS_STOPPED ? "stopped" : "running");
			return;
		}
		p->starting = true;
	}
	op_submit(&t->op);
}
