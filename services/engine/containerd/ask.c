#include "ask.h"

#include "containerd_private.h"

static void containerd_answered(struct rpc_call *c, enum grpc_status status, const char *message)
{
	struct ask *a = c->data;

	a->done(a, status, message);
}

static void stand_in_answered(struct stand_in_call *c, enum grpc_status status, const char *message)
{
	struct ask *a = c->data;

	/* "Unavailable" is what a lost connection to containerd is told from. */
	a->done(a, status == GRPC_UNAVAILABLE ? GRPC_UNKNOWN : status, message ? message : "");
}

/* True: it is the stand-in's. */
static bool ask_begin(const struct containerd *e, struct ask *a)
{
	a->stood_in = e->alone;
	a->call.done = containerd_answered;
	a->own.done = stand_in_answered;
	a->call.data = a->own.data = a;
	return a->stood_in;
}

void ask_container_create(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *spec)
{
	if (ask_begin(e, a))
		a->done(a, GRPC_OK, "");
	else
		containerd_container_create(e->rpc, &a->call, ns, id, spec);
}

void ask_container_delete(struct containerd *e, struct ask *a, const char *ns, const char *id)
{
	if (ask_begin(e, a))
		a->done(a, GRPC_OK, "");
	else
		containerd_container_delete(e->rpc, &a->call, ns, id);
}

void ask_task_create(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *spec,
		     const char *out, const char *err)
{
	if (ask_begin(e, a))
		stand_in_create(&e->stand_in, &a->own, ns, id, spec, out, err);
	else
		containerd_task_create(e->rpc, &a->call, ns, id, out, err);
}

void ask_task_get(struct containerd *e, struct ask *a, const char *ns, const char *id)
{
	if (ask_begin(e, a))
		stand_in_get(&e->stand_in, &a->own, ns, id);
	else
		containerd_task_get(e->rpc, &a->call, ns, id);
}

void ask_task_delete(struct containerd *e, struct ask *a, const char *ns, const char *id)
{
	if (ask_begin(e, a))
		stand_in_delete(&e->stand_in, &a->own, ns, id);
	else
		containerd_task_delete(e->rpc, &a->call, ns, id);
}

void ask_task_kill(struct containerd *e, struct ask *a, const char *ns, const char *id, int signo)
{
	if (ask_begin(e, a))
		stand_in_kill(&e->stand_in, &a->own, ns, id, signo);
	else
		containerd_task_kill(e->rpc, &a->call, ns, id, signo);
}

void ask_exec_create(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec,
		     const char *process)
{
	if (ask_begin(e, a))
		stand_in_exec(&e->stand_in, &a->own, ns, id, exec, process);
	else
		containerd_exec_create(e->rpc, &a->call, ns, id, exec, process);
}

void ask_exec_delete(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec)
{
	if (ask_begin(e, a))
		stand_in_exec_delete(&e->stand_in, &a->own, ns, id, exec);
	else
		containerd_exec_delete(e->rpc, &a->call, ns, id, exec);
}

void ask_process_start(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec)
{
	if (ask_begin(e, a))
		stand_in_start(&e->stand_in, &a->own, ns, id, exec);
	else
		containerd_process_start(e->rpc, &a->call, ns, id, exec);
}

void ask_process_wait(struct containerd *e, struct ask *a, const char *ns, const char *id, const char *exec)
{
	if (ask_begin(e, a))
		stand_in_wait(&e->stand_in, &a->own, ns, id, exec);
	else
		containerd_process_wait(e->rpc, &a->call, ns, id, exec);
}

bool ask_active(const struct ask *a)
{
	return grpc_call_active(&a->call.call) || stand_in_active(&a->own);
}

void ask_cancel(struct ask *a)
{
	rpc_cancel(&a->call);
	stand_in_cancel(&a->own);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

pid_t ask_created_pid(const struct ask *a)
{
	return a->stood_in ? a->own.pid : containerd_created_pid(&a->call);
}

enum containerd_task ask_task_found(const struct ask *a, pid_t *pid, int *code)
{
	static const enum containerd_task found[] = {
		[STAND_IN_NONE] = CONTAINERD_TASK_NONE,
		[STAND_IN_HALF_MADE] = CONTAINERD_TASK_HALF_MADE,
		[STAND_IN_RUNS] = CONTAINERD_TASK_RUNS,
		[STAND_IN_ENDED] = CONTAINERD_TASK_ENDED,
	};

	if (!a->stood_in)
		return containerd_task_found(&a->call, pid, code);
	*pid = a->own.pid;
	*code = a->own.code;
	return found[a->own.task];
}

int ask_exit_code(const struct ask *a)
{
	return a->stood_in ? a->own.code : containerd_exit_code(&a->call);
}
