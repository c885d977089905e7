#include "shim_wait.h"

#include "task_service.pb-c.h"

enum { PATIENCE_US = 1000 * 1000 };

int shim_exit_code(const uint8_t *payload, size_t n)
{
	Containerd__Task__V2__WaitResponse *m = containerd__task__v2__wait_response__unpack(NULL, n, payload);
	int code = m && m->exit_status <= 255 ? (int)m->exit_status : -1;

	if (m)
		containerd__task__v2__wait_response__free_unpacked(m, NULL);
	return code;
}

static void wait_answered(struct shim_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			  const char *message)
{
	struct shim_wait *w = c->data;

	(void)message;
	w->done(w, status == GRPC_OK ? shim_exit_code(payload, n) : -1);
}

int shim_wait_begin(struct shim_wait *w, struct loop *loop, const char *bundle, const char *id)
{
	Containerd__Task__V2__WaitRequest wait = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;

	wait.id = (char *)(uintptr_t)id; /* protobuf-c's strings lack the const */
	w->call.done = wait_answered;
	w->call.data = w;
	return shim_call_begin(&w->call, loop, bundle, "Wait", &wait.base, PATIENCE_US);
}

void shim_wait_cancel(struct shim_wait *w)
{
	shim_call_cancel(&w->call);
}
