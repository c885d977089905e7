#include <string.h>

#include "shim_wait.h"
#include "stand_in_private.h"
#include "task_service.pb-c.h"

#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"

/* Where nothing but the status matters. */
static void plain_answered(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			   const char *message)
{
	(void)payload;
	(void)n;
	stand_in_finish(c, status, status == GRPC_OK ? NULL : message);
}

static void plain_ask(struct stand_in_call *c, const char *method, const ProtobufCMessage *request)
{
	if (!stand_in_ask(c, method, request, 0, plain_answered))
		stand_in_finish(c, GRPC_NOT_FOUND, "there is no shim");
}

void stand_in_start(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		    const char *exec)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;

	request.id = stand_in_text(id);
	request.exec_id = stand_in_text(exec);
	if (stand_in_begin(at, c, namespace, id) == 0)
		plain_ask(c, "Start", &request.base);
}

void stand_in_kill(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id, int signo)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = stand_in_text(id);
	request.signal = (uint32_t)signo;
	request.all = true;
	if (stand_in_begin(at, c, namespace, id) == 0)
		plain_ask(c, "Kill", &request.base);
}

void stand_in_exec(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		   const char *exec, const char *process)
{
	Containerd__Task__V2__ExecProcessRequest request = CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.type_url = stand_in_text(PROCESS_TYPE);
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)stand_in_text(process), .len = strlen(process) };
	request.id = stand_in_text(id);
	request.exec_id = stand_in_text(exec);
	request.spec = &any;
	if (stand_in_begin(at, c, namespace, id) == 0)
		plain_ask(c, "Exec", &request.base);
}

void stand_in_exec_delete(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
			  const char *exec)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;

	request.id = stand_in_text(id);
	request.exec_id = stand_in_text(exec);
	if (stand_in_begin(at, c, namespace, id) == 0)
		plain_ask(c, "Delete", &request.base);
}

static void wait_answered(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			  const char *message)
{
	c->code = status == GRPC_OK ? shim_exit_code(payload, n) : -1;
	stand_in_finish(c, status, message);
}

void stand_in_wait(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		   const char *exec)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;

	request.id = stand_in_text(id);
	request.exec_id = stand_in_text(exec);
	if (stand_in_begin(at, c, namespace, id) == 0 && !stand_in_ask(c, "Wait", &request.base, 0, wait_answered))
		stand_in_finish(c, GRPC_NOT_FOUND, "there is no shim");
}

static void state_answered(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			   const char *message)
{
	Containerd__Task__V2__StateResponse *m =
		status == GRPC_OK ? containerd__task__v2__state_response__unpack(NULL, n, payload) : NULL;

	if (m) {
		c->pid = stand_in_pid(m->pid);
		if (m->status == CONTAINERD__V1__TYPES__STATUS__STOPPED)
			c->task = STAND_IN_ENDED;
		else if (c->pid && m->status != CONTAINERD__V1__TYPES__STATUS__CREATED &&
			 m->status != CONTAINERD__V1__TYPES__STATUS__UNKNOWN)
			c->task = STAND_IN_RUNS;
		else
			c->task = STAND_IN_HALF_MADE;
		if (c->task == STAND_IN_ENDED && m->exit_status <= 255)
			c->code = (int)m->exit_status;
		containerd__task__v2__state_response__free_unpacked(m, NULL);
	}
	stand_in_finish(c, status, message);
}

void stand_in_get(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id)
{
	Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;

	request.id = stand_in_text(id);
	if (stand_in_begin(at, c, namespace, id) == 0 && !stand_in_ask(c, "State", &request.base, 0, state_answered))
		stand_in_finish(c, GRPC_NOT_FOUND, "there is no shim");
}
