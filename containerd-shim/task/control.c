/* What happens to a container while it runs: the runtime is asked to pause, resume and update it. kill.c and
 * checkpoint.c have the rest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control_private.h"
#include "empty.pb-c.h"
#include "io.h"
#include "jsonr.h"
#include "reply.h"
#include "shim.h"
#include "task.h"

void control_free(struct op *op)
{
	struct control *t = control_of(op);

	if (t->resources >= 0)
		close(t->resources);
	free(t->work);
	free(t);
}

void control_end(struct control *t)
{
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;

	op_reply(&t->op, &empty.base);
	op_end(&t->op);
}

void control_failed(struct control *t, enum grpc_status status, struct error *err)
{
	op_fail(&t->op, status, err);
	error_clear(err);
	op_end(&t->op);
}

void control_call(struct control *t, char **argv, int input, job_fn *done)
{
	_cleanup_error_ struct error e = { 0 };

	if (op_runtime(&t->op, argv, NULL, input, true, done, &e) == 0)
		return;
	error_wrap(&e, "%s", t->what);
	control_failed(t, GRPC_UNKNOWN, &e);
}

void control_called(struct job *job)
{
	struct control *t = control_of(op_of(job));
	_cleanup_error_ struct error e = { 0 };

	if (job_succeeded(job)) {
		t->done(t);
		return;
	}
	job_error(job, t->what, &e);
	control_failed(t, GRPC_UNKNOWN, &e);
}

struct control *control_new(struct container *c, struct call *call, void (*run)(struct op *), const char *what)
{
	struct control *t = calloc(1, sizeof(*t));

	if (!t) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return NULL;
	}
	t->what = what;
	t->done = control_end;
	t->resources = -1;
	t->op = (struct op){ .container = c, .process = &c->init, .call = call, .run = run, .free = control_free };
	return t;
}

bool control_allowed(struct control *t, bool yes)
{
	struct container *c = t->op.container;
	_cleanup_error_ struct error e = { 0 };

	if (yes)
		return true;
	error_set(&e, 0, "%s: the container is %s", t->what,
		  c->init.state == PROCESS_STOPPED           ? "stopped"
			  : c->init.state == PROCESS_CREATED ? "not started"
			  : c->paused                        ? "paused"
							     : "running");
	control_failed(t, GRPC_FAILED_PRECONDITION, &e);
	return false;
}

/* --- pause and resume --------------------------------------------------------------------------------------------- */

static void pause_done(struct job *job)
{
	struct control *t = control_of(op_of(job));
	struct container *c = t->op.container;
	Containerd__Events__TaskPaused event = CONTAINERD__EVENTS__TASK_PAUSED__INIT;

	c->pausing = false;
	if (job_succeeded(job) && c->init.state == PROCESS_RUNNING) {
		c->paused = true;
		event.container_id = c->id;
		publish(&c->shim->publisher, "/tasks/paused", &event.base);
	}
	control_called(job);
}

static void pause_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);

	if (!control_allowed(t, c->init.state == PROCESS_RUNNING && !c->paused))
		return;
	c->pausing = true;
	control_call(t, runtime_argv(&rt, "pause", c->id, NULL), -1, pause_done);
	/* When the call could not be made, `t` is gone; the container is not. */
	if (!c->ops.exclusive)
		c->pausing = false;
}

void task_pause(struct container *c, struct call *call)
{
	struct control *t = control_new(c, call, pause_run, "OCI runtime pause failed");

	if (t)
		op_submit(&t->op);
}

static void resume_done(struct control *t)
{
	struct container *c = t->op.container;
	Containerd__Events__TaskResumed event = CONTAINERD__EVENTS__TASK_RESUMED__INIT;

	if (c->paused) {
		c->paused = false;
		event.container_id = c->id;
		publish(&c->shim->publisher, "/tasks/resumed", &event.base);
	}
	control_end(t);
}

static void resume_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);

	t->done = resume_done;
	if (control_allowed(t, c->init.state == PROCESS_RUNNING && c->paused))
		control_call(t, runtime_argv(&rt, "resume", c->id, NULL), -1, control_called);
}

void task_resume(struct container *c, struct call *call)
{
	struct control *t = control_new(c, call, resume_run, "OCI runtime resume failed");

	if (t)
		op_submit(&t->op);
}

/* --- update ------------------------------------------------------------------------------------------------------- */

static void update_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);

	if (control_allowed(t, c->init.state != PROCESS_STOPPED))
		control_call(t, runtime_argv(&rt, "update", "--resources", "-", c->id, NULL), t->resources,
			     control_called);
}

void task_update(struct container *c, struct call *call, const Containerd__Task__V2__UpdateTaskRequest *r)
{
	struct jsonr doc;
	struct control *t;

	if (!r->resources ||
	    jsonr_parse((const char *)r->resources->value.data, r->resources->value.len, &doc, NULL) < 0 ||
	    doc.type != JSONR_OBJECT) {
		call_fail(call, GRPC_INVALID_ARGUMENT, "resources are none of the OCI runtime specification in JSON");
		return;
	}
	t = control_new(c, call, update_run, "OCI runtime update failed");
	if (!t)
		return;
	t->resources = memfd_create("resources", MFD_CLOEXEC);
	if (t->resources < 0 || io_write(t->resources, r->resources->value.data, r->resources->value.len) < 0 ||
	    lseek(t->resources, 0, SEEK_SET) < 0) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "resources: %s", strerror(errno));
		control_free(&t->op);
		return;
	}
	op_submit(&t->op);
}
