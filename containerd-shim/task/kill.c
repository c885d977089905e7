/* Kill: a signal to a process, by the shim itself where the runtime is not needed for it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "control_private.h"
#include "empty.pb-c.h"
#include "str.h"
#include "task.h"

/* Without the runtime. */
static enum grpc_status signal_send(const struct process *p, unsigned signo, struct error *err)
{
	if (p->pid == 0) {
		error_set(err, 0, "process not created");
		return GRPC_FAILED_PRECONDITION;
	}
	/* As long as it has not been reaped here, the number is its own. */
	if (p->ended || (kill(p->pid, (int)signo) < 0 && errno == ESRCH)) {
		error_set(err, 0, "process already finished");
		return GRPC_NOT_FOUND;
	}
	return GRPC_OK;
}

static void kill_done(struct job *job)
{
	struct control *t = control_of(op_of(job));
	_cleanup_error_ struct error e = { 0 };

	if (job_succeeded(job)) {
		control_end(t);
		return;
	}
	job_error(job, t->what, &e);
	/* The one case that clients tell apart. The runtime says it in words only. */
	if (t->op.container->init.ended || strstr(error_text(&e), "not running") ||
	    strstr(error_text(&e), "no such process") || strstr(error_text(&e), "already finished") ||
	    strstr(error_text(&e), "does not exist")) {
		error_set(&e, 0, "process already finished");
		control_failed(t, GRPC_NOT_FOUND, &e);
		return;
	}
	control_failed(t, GRPC_UNKNOWN, &e);
}

static void kill_run(struct op *op)
{
	struct control *t = control_of(op);
	struct container *c = op->container;
	const struct runtime rt = container_runtime(c);
	_cleanup_error_ struct error e = { 0 };
	enum grpc_status status;
	char number[16];

	if (!t->all && !c->paused) {
		status = signal_send(&c->init, t->signal, &e);
		if (status == GRPC_OK)
			control_end(t);
		else
			control_failed(t, status, &e);
		return;
	}
	snprintf(number, sizeof(number), "%u", t->signal);
	control_call(t,
		     t->all ? runtime_argv(&rt, "kill", "--all", c->id, number, NULL)
			    : runtime_argv(&rt, "kill", c->id, number, NULL),
		     -1, kill_done);
}

void task_kill(struct process *p, struct call *call, unsigned signo, bool all)
{
	struct container *c = p->container;
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	_cleanup_error_ struct error e = { 0 };
	enum grpc_status status;
	struct control *t;

	if (signo >= NSIG) {
		call_fail(call, GRPC_INVALID_ARGUMENT, "signal %u", signo);
		return;
	}
	/* The kernel kills the others of a PID namespace with its first process. */
	if (!process_is_init(p) || (signo == SIGKILL && c->private_pids))
		all = false;
	/* A frozen process dies only when it is thawed, which the runtime knows how to do. */
	if (process_is_init(p) && !p->ended && (all || (signo == SIGKILL && (c->paused || c->pausing)))) {
		t = control_new(c, call, kill_run, "OCI runtime kill failed");
		if (t) {
			t->signal = signo;
			t->all = all;
			op_submit(&t->op);
		}
		return;
	}
	status = signal_send(p, signo, &e);
	if (status == GRPC_OK)
		call_reply(call, &empty.base);
	else
		call_fail(call, status, "%s", error_text(&e));
}
