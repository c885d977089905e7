/* Start: the first process by its fifo where the runtime is runc, else by `runtime start`, or `runtime restore` from a
 * checkpoint; an added process by `runtime exec`.
 *
 *     the first process:  init_run() -> fifo_start -> fifo_started()  -----------------------> start_done()
 *                                    -> runtime_start() -> runtime_done()  ------------------> start_done()
 *                                    -> restore_start() -> process_made() -+
 *     an added process:   exec_run() -> streams_prepare()                  |
 *                                    -> exec_streams_ready() -> process_made() -> [console_came()] -> start_adopt()
 *                                                                                            -> start_done()
 *     a step fails: start_failed(). start_done() and start_failed() answer the call and end the operation. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "container.h"
#include "exec.h"
#include "fifo_start.h"
#include "log.h"
#include "ptysock.h"
#include "reply.h"
#include "shim.h"
#include "str.h"
#include "task.h"

struct start {
	struct op op;
	struct ptysock console;
	struct fifo_start fifo;
	bool console_needed;
};

static struct start *start_of(struct op *op)
{
	return (struct start *)(void *)op; /* the first member */
}

static void start_free(struct op *op)
{
	struct start *t = start_of(op);

	if (op->queued)
		op->process->starting = false;
	fifo_start_stop(&t->fifo);
	ptysock_close(&t->console);
	free(t);
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

static void start_done(struct start *t)
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
	ending_settle(p);
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
	ending_settle(p);
	ending_settle(&c->init);
	op_end(&t->op);
}

static char *pid_file_of(const struct process *p)
{
	return process_is_init(p) ? str_format("%s/init.pid", p->container->bundle)
				  : str_format("%s/.exec-%s.pid", p->container->bundle, p->id);
}

static void start_adopt(struct start *t)
{
	struct process *p = t->op.process;
	struct container *c = p->container;
	_cleanup_free_ char *pid_file = pid_file_of(p);
	_cleanup_error_ struct error e = { 0 };

	if (!pid_file)
		error_set(&e, ENOMEM, "process");
	else if (process_adopt(p, pid_file, &e) == 0) {
		if (process_is_init(p))
			container_join_cgroups(c);
		start_done(t);
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
		start_adopt(t);
		return;
	}
	start_failed(t, &e);
}

/* Of a call that made a process. */
static void process_made(struct job *job)
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
		start_adopt(t);
	}
}

/* argv is freed; NULL is no memory. What the process writes before the call has ended stays in its pipes so long. */
static int process_make(struct start *t, char **argv, int input, struct error *err)
{
	const int *stdio = t->console_needed ? NULL : t->op.process->streams.child;

	return op_runtime(&t->op, argv, stdio, input, false, process_made, err);
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

static void restore_start(struct start *t)
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
	else if (process_make(t, steal_ptr(&argv), -1, &e) == 0)
		return;
	start_failed(t, &e);
}

/* --- an added process --------------------------------------------------------------------------------------------- */

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
	else if ((spec = exec_spec_file(p, &e)) >= 0 && process_make(t, steal_ptr(&argv), spec, &e) == 0) {
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
		ending_settle(&p->container->init);
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
		start_done(t);
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

static void fifo_started(struct fifo_start *f, const struct error *why)
{
	struct start *t = f->data;
	_cleanup_error_ struct error e = { 0 };

	if (!why) {
		start_done(t);
		return;
	}
	error_set(&e, 0, "%s", error_text(why));
	start_failed(t, &e);
}

static void init_ended(struct op *op)
{
	fifo_start_ended(&start_of(op)->fifo);
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
		restore_start(t);
		return;
	}
	t->fifo.data = t;
	if (c->init.ended ||
	    fifo_start_begin(&t->fifo, c->shim->loop, c->options.root, c->id, c->init.pid, fifo_started) < 0)
		runtime_start(t);
}

void task_start(struct process *p, struct call *call)
{
	struct start *t = calloc(1, sizeof(*t));

	if (!t) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
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
