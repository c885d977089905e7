#include "exec.h"

#include <stdio.h>

#include "containerd_private.h"

static void step_done(struct ask *c, enum grpc_status status, const char *message);

static void step_begin(struct containerd_exec *x, int step, const char *process)
{
	x->step = step;
	x->call.done = step_done;
	x->call.data = x;
	if (step == EXEC_CREATE)
		ask_exec_create(x->engine, &x->call, x->ns, x->id, x->exec, process);
	else if (step == EXEC_START)
		ask_process_start(x->engine, &x->call, x->ns, x->id, x->exec);
	else if (step == EXEC_WAIT)
		ask_process_wait(x->engine, &x->call, x->ns, x->id, x->exec);
	else
		ask_exec_delete(x->engine, &x->call, x->ns, x->id, x->exec);
}

static void exec_finish(struct containerd_exec *x)
{
	x->step = EXEC_NONE;
	x->done(x, x->code);
}

static void step_done(struct ask *c, enum grpc_status status, const char *message)
{
	struct containerd_exec *x = c->data;
	bool good = status == GRPC_OK;

	(void)message;
	switch (x->step) {
	case EXEC_CREATE:
		if (good)
			step_begin(x, EXEC_START, NULL);
		else
			exec_finish(x);
		break;
	case EXEC_START:
		step_begin(x, good ? EXEC_WAIT : EXEC_DELETE, NULL);
		break;
	case EXEC_WAIT:
		x->code = good ? ask_exit_code(c) : -1;
		step_begin(x, EXEC_DELETE, NULL);
		break;
	default:
		exec_finish(x);
		break;
	}
}

void containerd_exec_run(struct containerd_exec *x, const char *process)
{
	snprintf(x->exec, sizeof(x->exec), "ready-%u", ++x->count);
	x->code = -1;
	step_begin(x, EXEC_CREATE, process);
}

void containerd_exec_cancel(struct containerd_exec *x)
{
	ask_cancel(&x->call);
	x->step = EXEC_NONE;
}
