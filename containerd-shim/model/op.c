#include "op.h"

#include <errno.h>

#include "container.h"
#include "network.h"
#include "shim.h"
#include "str.h"

void op_queue_init(struct op_queue *q, void (*closed)(struct container *c))
{
	*q = (struct op_queue){ .closed = closed };
	list_init(&q->waiting);
	list_init(&q->running);
}

static void op_run(struct op *op)
{
	struct op_queue *q = &op->container->ops;

	op->queued = false;
	op->after_end = op->container->init.ended;
	list_append(&q->running, &op->place);
	if (op->shared)
		q->shared++;
	else
		q->exclusive = op;
	op->run(op);
}

static bool op_fits(const struct op *op)
{
	const struct op_queue *q = &op->container->ops;

	return !q->exclusive && (op->shared || q->shared == 0);
}

static void ops_refuse(struct list *ops, enum grpc_status status, const struct error *why)
{
	while (!list_empty(ops)) {
		struct op *op = list_entry(ops->next, struct op, place);

		list_remove(&op->place);
		job_drop(&op->job);
		op_fail(op, status, why);
		op->free(op);
	}
}

void op_queue_leave(struct op_queue *q)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, 0, "the shim is shutting down");
	ops_refuse(&q->waiting, GRPC_UNAVAILABLE, &e);
	ops_refuse(&q->running, GRPC_UNAVAILABLE, &e);
}

/* Nobody finds the container any more: what still waits for it has come too late. */
static void queue_close(struct container *c)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, 0, "container %s was deleted", c->id);
	ops_refuse(&c->ops.waiting, GRPC_NOT_FOUND, &e);
	c->ops.closed(c);
}

/* In order: one that does not fit holds up those behind it. An operation may be done at once, and come here itself. */
static void queue_pump(struct container *c)
{
	struct op_queue *q = &c->ops;

	if (q->pumping)
		return;
	q->pumping = true;
	while (!q->closing && !list_empty(&q->waiting)) {
		struct op *op = list_entry(q->waiting.next, struct op, place);

		if (!op_fits(op))
			break;
		list_remove(&op->place);
		op_run(op);
	}
	q->pumping = false;
	if (q->closing && op_queue_idle(q))
		queue_close(c);
}

bool op_queue_hurry(struct op_queue *q)
{
	bool found = false;

	for (struct list *at = q->running.next; at != &q->running; at = at->next) {
		struct op *op = list_entry(at, struct op, place);

		if (op->after_end)
			continue;
		found = true;
		job_kill(&op->job);
	}
	return found;
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
	list_append(&c->ops.waiting, &op->place);
	queue_pump(c);
}

void op_end(struct op *op)
{
	struct container *c = op->container;

	if (op->shared)
		c->ops.shared--;
	else
		c->ops.exclusive = NULL;
	list_remove(&op->place);
	job_drop(&op->job);
	op->free(op);
	queue_pump(c);
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
	r = network_enter(&shim->network, &back, err);
	if (r == 0)
		r = job_start(&op->job, shim->loop, &shim->reaper, &spec, done, err);
	network_leave(back);
	strv_free(argv);
	return r;
}
