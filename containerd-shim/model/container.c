#include "container.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "loop.h"
#include "sandbox.h"
#include "shim.h"
#include "str.h"

struct container *container_new(struct shim *shim, const char *id, const char *bundle, struct error *err)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c) {
		error_set(err, ENOMEM, "container %s", id);
		return NULL;
	}
	c->shim = shim;
	list_init(&c->place);
	list_init(&c->execs);
	list_init(&c->queue);
	list_init(&c->running);
	c->id = strdup(id);
	c->bundle = strdup(bundle);
	if (!c->id || !c->bundle) {
		error_set(err, ENOMEM, "container %s", id);
		free(c->id);
		free(c->bundle);
		free(c);
		return NULL;
	}
	list_append(&shim->containers, &c->place);
	return c;
}

void container_free(struct container *c)
{
	struct shim *shim = c->shim;

	list_remove(&c->place);
	while (!list_empty(&c->execs))
		process_free(list_entry(c->execs.next, struct process, place));
	process_clear(&c->init);
	oom_watch_stop(&c->oom);
	job_drop(&c->sweep);
	loop_timer_disarm(&c->patience);
	cgroups_clear(&c->cgroups);
	bundle_options_clear(&c->options);
	free(c->checkpoint);
	free(c->parent_checkpoint);
	free(c->rootfs);
	free(c->id);
	free(c->bundle);
	free(c);
	shim_container_gone(shim);
}

static struct container *find(struct shim *shim, const char *id)
{
	for (struct list *at = shim->containers.next; at != &shim->containers; at = at->next) {
		struct container *c = list_entry(at, struct container, place);

		if (str_eq(c->id, id))
			return c;
	}
	return NULL;
}

struct container *container_find(struct shim *shim, const char *id)
{
	struct container *c = find(shim, id);

	return c && c->created ? c : NULL;
}

bool container_exists(struct shim *shim, const char *id)
{
	return find(shim, id) != NULL;
}

struct process *container_process(struct container *c, const char *exec_id)
{
	if (*exec_id == '\0')
		return &c->init;
	for (struct list *at = c->execs.next; at != &c->execs; at = at->next) {
		struct process *p = list_entry(at, struct process, place);

		if (str_eq(p->id, exec_id))
			return p;
	}
	return NULL;
}

struct runtime container_runtime(const struct container *c)
{
	return (struct runtime){
		.path = c->options.binary,
		.root = c->options.root,
		.log = JOB_LOG_PATH,
		.systemd_cgroup = c->options.systemd_cgroup,
	};
}

static int kill_one(pid_t pid, void *data)
{
	(void)data;
	kill(pid, SIGKILL);
	return 0;
}

void container_abandon(struct container *c)
{
	const char *dir = cgroups_dir(&c->cgroups, "pids");

	if (c->init.pid > 0 && !c->init.ended)
		kill(c->init.pid, SIGKILL);
	if (dir)
		cgroups_each_pid(dir, kill_one, NULL);
}

/* --- operations -------------------------------------------------------------------------------------------------- */

static void op_run(struct op *op)
{
	struct container *c = op->container;

	op->queued = false;
	op->after_end = c->init.ended;
	list_append(&c->running, &op->place);
	if (op->shared)
		c->shared++;
	else
		c->exclusive = op;
	op->run(op);
}

static bool op_fits(const struct op *op)
{
	const struct container *c = op->container;

	return !c->exclusive && (op->shared || c->shared == 0);
}

/* Nobody finds it any more: what still waits for it has come too late. */
static void container_end(struct container *c)
{
	while (!list_empty(&c->queue)) {
		struct op *op = list_entry(c->queue.next, struct op, place);
		_cleanup_error_ struct error e = { 0 };

		list_remove(&op->place);
		error_set(&e, 0, "container %s was deleted", c->id);
		op_fail(op, GRPC_NOT_FOUND, &e);
		op->free(op);
	}
	container_free(c);
}

static void ops_leave(struct list *ops)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, 0, "the shim is shutting down");
	while (!list_empty(ops)) {
		struct op *op = list_entry(ops->next, struct op, place);

		list_remove(&op->place);
		job_drop(&op->job);
		op_fail(op, GRPC_UNAVAILABLE, &e);
		op->free(op);
	}
}

void container_leave(struct container *c)
{
	ops_leave(&c->queue);
	ops_leave(&c->running);
	container_free(c);
}

/* In order: one that does not fit holds up those behind it. An operation may be done at once, and come here itself. */
static void ops_run(struct container *c)
{
	if (c->pumping)
		return;
	c->pumping = true;
	while (!c->gone && !list_empty(&c->queue)) {
		struct op *op = list_entry(c->queue.next, struct op, place);

		if (!op_fits(op))
			break;
		list_remove(&op->place);
		op_run(op);
	}
	c->pumping = false;
	if (c->gone && !c->exclusive && c->shared == 0)
		container_end(c);
}

static void op_cancelled(struct call *call, void *data, enum grpc_status why)
{
	struct op *op = data;

	if (op->queued) {
		/* Nobody waits for it any more, and it has done nothing yet. */
		list_remove(&op->place);
		call_fail(call, why, "the call's time is up before its turn came");
		op->free(op);
	} else if (why == GRPC_DEADLINE_EXCEEDED) {
		op->timed_out = true;
		job_kill(&op->job);
	}
}

void op_submit(struct op *op)
{
	struct container *c = op->container;

	list_init(&op->place);
	op->job.data = op;
	if (op->call)
		call_on_cancel(op->call, op_cancelled, op);
	op->queued = true;
	list_append(&c->queue, &op->place);
	ops_run(c);
}

void op_end(struct op *op)
{
	struct container *c = op->container;

	if (op->shared)
		c->shared--;
	else
		c->exclusive = NULL;
	list_remove(&op->place);
	job_drop(&op->job);
	op->free(op);
	ops_run(c);
}

void op_fail(struct op *op, enum grpc_status status, const struct error *err)
{
	struct call *call = op->call;

	op->call = NULL;
	if (call)
		call_fail(call, op->timed_out ? GRPC_DEADLINE_EXCEEDED : status, "%s", error_text(err));
}

void op_reply(struct op *op, const ProtobufCMessage *response)
{
	struct call *call = op->call;

	op->call = NULL;
	if (call)
		call_reply(call, response);
}

int op_runtime(struct op *op, char **argv, const int *stdio, int input, bool input_is_stdin, job_fn *done,
	       struct error *err)
{
	const struct job_spec spec = {
		.argv = argv, .stdio = stdio, .heard = op->heard, .input = input, .input_is_stdin = input_is_stdin
	};
	struct shim *shim = op->container->shim;
	int r, back;

	if (!argv)
		return error_set(err, ENOMEM, "arguments of the runtime");
	r = sandbox_enter(shim, &back, err);
	if (r == 0)
		r = job_start(&op->job, shim->loop, &shim->reaper, &spec, done, err);
	sandbox_leave(back);
	strv_free(argv);
	return r;
}
