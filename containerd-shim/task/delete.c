/* Delete: the first process's takes the container away, an added one's only that. Neither waits longer than a while
 * for output that somebody keeps open.
 *
 *     an added process:   exec_delete() -> its output is drained, or 10 s -> exec_delete_finish(): the answer
 *     the first process:  delete_run() -> [one that was never started is killed, delete_stopped()] -> delete_proceed()
 *                             -> delete_drained(), or 10 s    -+
 *                             -> runtime_delete()             -+-> delete_check(): mounts, the answer, the container
 * goes */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "libcontainer.h"
#include "log.h"
#include "reply.h"
#include "rootfs.h"
#include "shim.h"
#include "str.h"
#include "task.h"

enum { DRAIN_US = 10 * 1000000 };

static void response_fill(Containerd__Task__V2__DeleteResponse *response, Google__Protobuf__Timestamp *at,
			  const struct process *p)
{
	*response = (Containerd__Task__V2__DeleteResponse)CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	response->pid = (uint32_t)p->pid;
	response->exit_status = p->status;
	response->exited_at = reply_time(at, &p->ended_at);
}

/* --- an added process --------------------------------------------------------------------------------------------- */

struct deletion {
	struct process *process;
	struct call *call;
	struct loop_timer timer;
};

static void exec_delete_finish(struct deletion *d)
{
	struct process *p = d->process;
	struct call *call = d->call;
	Containerd__Task__V2__DeleteResponse response;
	Google__Protobuf__Timestamp at;

	loop_timer_disarm(&d->timer);
	free(d);
	p->deletion = NULL;
	response_fill(&response, &at, p);
	call_reply(call, &response.base);
	process_free(p);
}

static void exec_drained(void *data)
{
	exec_delete_finish(data);
}

static void exec_drain_over(struct loop_timer *timer)
{
	exec_delete_finish(timer->data);
}

/* The process goes with its container. */
static void exec_delete_drop(struct process *p)
{
	struct deletion *d = p->deletion;

	p->deletion = NULL;
	loop_timer_disarm(&d->timer);
	call_fail(d->call, GRPC_NOT_FOUND, "the container of process %s was deleted", p->id);
	free(d);
}

static void exec_delete(struct process *p, struct call *call)
{
	struct deletion *d;

	if (p->starting || p->state == PROCESS_RUNNING || p->deletion) {
		call_fail(call, GRPC_FAILED_PRECONDITION, "cannot delete a process that is %s",
			  p->deletion ? "being deleted" : "running");
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*d = (struct deletion){ .process = p, .call = call };
	d->timer = (struct loop_timer){ .fn = exec_drain_over, .data = d };
	p->deletion = d;
	p->deletion_drop = exec_delete_drop;
	if (loop_timer_after(p->container->shim->loop, &d->timer, DRAIN_US, NULL) < 0)
		exec_delete_finish(d);
	else
		streams_on_drained(&p->streams, exec_drained, d);
}

/* --- the container ------------------------------------------------------------------------------------------------ */

struct delete
{
	struct op op;
	struct loop_timer timer;
	bool drained, removed;
};

static struct delete *delete_of(struct op *op)
{
	return (struct delete *)(void *)op; /* the first member */
}

static void delete_free(struct op *op)
{
	struct delete *t = delete_of(op);

	loop_timer_disarm(&t->timer);
	free(t);
}

/* Takes the error. */
static void delete_failed(struct delete *t, struct error *err)
{
	struct container *c = t->op.container;

	c->init.on_stopped = NULL;
	streams_on_drained(&c->init.streams, NULL, NULL);
	op_fail(&t->op, GRPC_UNKNOWN, err);
	error_clear(err);
	op_end(&t->op);
}

static void delete_check(struct delete *t)
{
	struct container *c = t->op.container;
	Containerd__Events__TaskDelete event = CONTAINERD__EVENTS__TASK_DELETE__INIT;
	Containerd__Task__V2__DeleteResponse response;
	Google__Protobuf__Timestamp at;
	_cleanup_error_ struct error e = { 0 };

	if (!t->drained || !t->removed)
		return;
	if (c->rootfs && rootfs_unmount(c->rootfs, &e) < 0) {
		error_wrap(&e, "failed rootfs umount");
		delete_failed(t, &e);
		return;
	}
	streams_close(&c->init.streams);
	event.container_id = c->id;
	response_fill(&response, &at, &c->init);
	event.pid = response.pid;
	event.exit_status = response.exit_status;
	event.exited_at = response.exited_at;
	publish(&c->shim->publisher, "/tasks/delete", &event.base);
	op_reply(&t->op, &response.base);
	c->ops.closing = true;
	op_end(&t->op);
}

static void delete_drained(void *data)
{
	struct delete *t = data;

	t->drained = true;
	delete_check(t);
}

static void delete_drain_over(struct loop_timer *timer)
{
	struct delete *t = timer->data;

	log_warn("%s: its output is still held open", t->op.container->id);
	delete_drained(t);
}

static void runtime_done(struct job *job)
{
	struct delete *t = delete_of(op_of(job));
	struct container *c = t->op.container;
	_cleanup_free_ char *state = str_format("%s/%s", c->options.root, c->id);
	_cleanup_error_ struct error e = { 0 };

	t->removed = true;
	/* One that the runtime does not know any more (a checkpoint took it) is deleted as well. */
	if (!job_succeeded(job) && (!state || access(state, F_OK) == 0)) {
		job_error(job, "failed to delete task", &e);
		delete_failed(t, &e);
		return;
	}
	delete_check(t);
}

static void runtime_delete(struct delete *t)
{
	struct container *c = t->op.container;
	const struct runtime rt = container_runtime(c);
	_cleanup_error_ struct error e = { 0 };

	if (c->init.pid == 0 || libcontainer_delete(c->options.root, c->id, c->init.pid) == LIBCONTAINER_DONE) {
		t->removed = true;
		delete_check(t);
		return;
	}
	if (op_runtime(&t->op, runtime_argv(&rt, "delete", c->id, NULL), NULL, -1, false, runtime_done, &e) < 0) {
		error_wrap(&e, "failed to delete task");
		delete_failed(t, &e);
	}
}

/* The process has ended, or never was. */
static void delete_proceed(struct delete *t)
{
	struct container *c = t->op.container;

	t->timer = (struct loop_timer){ .fn = delete_drain_over, .data = t };
	if (loop_timer_after(c->shim->loop, &t->timer, DRAIN_US, NULL) < 0)
		t->drained = true;
	else
		/* not done yet even if drained now: the runtime's part is left */
		streams_on_drained(&c->init.streams, delete_drained, t);
	runtime_delete(t);
}

static void delete_stopped(struct process *p)
{
	struct container *c = p->container;

	p->on_stopped = NULL;
	delete_proceed(delete_of(c->ops.exclusive));
}

static void delete_run(struct op *op)
{
	struct process *p = op->process;
	_cleanup_error_ struct error e = { 0 };

	if (p->state == PROCESS_RUNNING) {
		error_set(&e, 0, "cannot delete a running process");
		op_fail(op, GRPC_FAILED_PRECONDITION, &e);
		op_end(op);
	} else if (p->state == PROCESS_CREATED && p->pid > 0) {
		p->on_stopped = delete_stopped;
		if (!p->ended && kill(p->pid, SIGKILL) < 0 && errno != ESRCH)
			log_warn("%s: kill %d: %s", p->id, (int)p->pid, strerror(errno));
	} else {
		delete_proceed(delete_of(op));
	}
}

void task_delete(struct process *p, struct call *call)
{
	struct delete *t;

	if (!process_is_init(p)) {
		exec_delete(p, call);
		return;
	}
	/* Known at once: a client that asks too early need not wait for whatever is under way. */
	if (p->state == PROCESS_RUNNING) {
		call_fail(call, GRPC_FAILED_PRECONDITION, "cannot delete a running process");
		return;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	t->op = (struct op){
		.container = p->container, .process = p, .call = call, .run = delete_run, .free = delete_free
	};
	op_submit(&t->op);
}
