#include "calls.h"

#include <limits.h>

#include "containers_service.pb-c.h"
#include "empty.pb-c.h"
#include "tasks_service.pb-c.h"

/* Fields of a message have these names, and C libraries may have macros of the same. */
#undef stdout
#undef stderr

#define CONTAINERS "/containerd.services.containers.v1.Containers/"
#define TASKS      "/containerd.services.tasks.v1.Tasks/"
#define VERSION    "/containerd.services.version.v1.Version/"

/* Type URLs under which containerd keeps the OCI specification's objects, as JSON. */
#define SPEC_TYPE    "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"

/* The name under which every installation has a shim. */
#define RUNTIME "io.containerd.runc.v2"

/* protobuf-c's strings lack the const. */
static char *string_of(const char *s)
{
	return (char *)(uintptr_t)s;
}

static Google__Protobuf__Any json_any(const char *type, const char *json)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.type_url = string_of(type);
	any.value.data = (uint8_t *)string_of(json);
	any.value.len = strlen(json);
	return any;
}

void containerd_version(struct rpc *r, struct rpc_call *c)
{
	Google__Protobuf__Empty request = GOOGLE__PROTOBUF__EMPTY__INIT;

	rpc_start(r, c, VERSION "Version", NULL, &request.base);
}

void containerd_container_create(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *spec)
{
	Containerd__Services__Containers__V1__CreateContainerRequest request =
		CONTAINERD__SERVICES__CONTAINERS__V1__CREATE_CONTAINER_REQUEST__INIT;
	Containerd__Services__Containers__V1__Container container =
		CONTAINERD__SERVICES__CONTAINERS__V1__CONTAINER__INIT;
	Containerd__Services__Containers__V1__Container__Runtime runtime =
		CONTAINERD__SERVICES__CONTAINERS__V1__CONTAINER__RUNTIME__INIT;
	Google__Protobuf__Any any = json_any(SPEC_TYPE, spec);

	runtime.name = string_of(RUNTIME);
	container.id = string_of(id);
	container.runtime = &runtime;
	container.spec = &any;
	request.container = &container;
	rpc_start(r, c, CONTAINERS "Create", ns, &request.base);
}

void containerd_container_delete(struct rpc *r, struct rpc_call *c, const char *ns, const char *id)
{
	Containerd__Services__Containers__V1__DeleteContainerRequest request =
		CONTAINERD__SERVICES__CONTAINERS__V1__DELETE_CONTAINER_REQUEST__INIT;

	request.id = string_of(id);
	rpc_start(r, c, CONTAINERS "Delete", ns, &request.base);
}

void containerd_container_list(struct rpc *r, struct rpc_call *c, const char *ns)
{
	Containerd__Services__Containers__V1__ListContainersRequest request =
		CONTAINERD__SERVICES__CONTAINERS__V1__LIST_CONTAINERS_REQUEST__INIT;

	rpc_start(r, c, CONTAINERS "List", ns, &request.base);
}

void containerd_task_create(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *out,
			    const char *err)
{
	Containerd__Services__Tasks__V1__CreateTaskRequest request =
		CONTAINERD__SERVICES__TASKS__V1__CREATE_TASK_REQUEST__INIT;

	request.container_id = string_of(id);
	request.stdout = string_of(out);
	request.stderr = string_of(err);
	rpc_start(r, c, TASKS "Create", ns, &request.base);
}

void containerd_task_get(struct rpc *r, struct rpc_call *c, const char *ns, const char *id)
{
	Containerd__Services__Tasks__V1__GetRequest request = CONTAINERD__SERVICES__TASKS__V1__GET_REQUEST__INIT;

	request.container_id = string_of(id);
	rpc_start(r, c, TASKS "Get", ns, &request.base);
}

void containerd_task_delete(struct rpc *r, struct rpc_call *c, const char *ns, const char *id)
{
	Containerd__Services__Tasks__V1__DeleteTaskRequest request =
		CONTAINERD__SERVICES__TASKS__V1__DELETE_TASK_REQUEST__INIT;

	request.container_id = string_of(id);
	rpc_start(r, c, TASKS "Delete", ns, &request.base);
}

void containerd_task_kill(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, int signo)
{
	Containerd__Services__Tasks__V1__KillRequest request = CONTAINERD__SERVICES__TASKS__V1__KILL_REQUEST__INIT;

	request.container_id = string_of(id);
	request.signal = (uint32_t)signo;
	request.all = true;
	rpc_start(r, c, TASKS "Kill", ns, &request.base);
}

void containerd_exec_create(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec,
			    const char *process)
{
	Containerd__Services__Tasks__V1__ExecProcessRequest request =
		CONTAINERD__SERVICES__TASKS__V1__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = json_any(PROCESS_TYPE, process);

	request.container_id = string_of(id);
	request.exec_id = string_of(exec);
	request.spec = &any;
	rpc_start(r, c, TASKS "Exec", ns, &request.base);
}

void containerd_exec_delete(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec)
{
	Containerd__Services__Tasks__V1__DeleteProcessRequest request =
		CONTAINERD__SERVICES__TASKS__V1__DELETE_PROCESS_REQUEST__INIT;

	request.container_id = string_of(id);
	request.exec_id = string_of(exec);
	rpc_start(r, c, TASKS "DeleteProcess", ns, &request.base);
}

void containerd_process_start(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec)
{
	Containerd__Services__Tasks__V1__StartRequest request = CONTAINERD__SERVICES__TASKS__V1__START_REQUEST__INIT;

	request.container_id = string_of(id);
	request.exec_id = string_of(exec);
	rpc_start(r, c, TASKS "Start", ns, &request.base);
}

void containerd_process_wait(struct rpc *r, struct rpc_call *c, const char *ns, const char *id, const char *exec)
{
	Containerd__Services__Tasks__V1__WaitRequest request = CONTAINERD__SERVICES__TASKS__V1__WAIT_REQUEST__INIT;

	request.container_id = string_of(id);
	request.exec_id = string_of(exec);
	rpc_start(r, c, TASKS "Wait", ns, &request.base);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static pid_t pid_of(uint32_t pid)
{
	return pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
}

pid_t containerd_created_pid(const struct rpc_call *c)
{
	Containerd__Services__Tasks__V1__CreateTaskResponse *m =
		rpc_reply(c, &containerd__services__tasks__v1__create_task_response__descriptor);
	pid_t pid = m ? pid_of(m->pid) : 0;

	if (m)
		protobuf_c_message_free_unpacked(&m->base, NULL);
	return pid;
}

static int code_of(uint32_t status)
{
	return status <= 255 ? (int)status : -1;
}

enum containerd_task containerd_task_found(const struct rpc_call *c, pid_t *pid, int *code)
{
	Containerd__Services__Tasks__V1__GetResponse *m =
		rpc_reply(c, &containerd__services__tasks__v1__get_response__descriptor);
	enum containerd_task found = CONTAINERD_TASK_NONE;

	*pid = m && m->process ? pid_of(m->process->pid) : 0;
	*code = -1;
	if (m && m->process && m->process->status == CONTAINERD__V1__TYPES__STATUS__STOPPED) {
		*code = code_of(m->process->exit_status);
		found = CONTAINERD_TASK_ENDED;
	} else if (m && m->process) {
		found = *pid && m->process->status != CONTAINERD__V1__TYPES__STATUS__CREATED &&
				m->process->status != CONTAINERD__V1__TYPES__STATUS__UNKNOWN
			? CONTAINERD_TASK_RUNS
			: CONTAINERD_TASK_HALF_MADE;
	}
	if (m)
		protobuf_c_message_free_unpacked(&m->base, NULL);
	return found;
}

int containerd_exit_code(const struct rpc_call *c)
{
	Containerd__Services__Tasks__V1__WaitResponse *m =
		rpc_reply(c, &containerd__services__tasks__v1__wait_response__descriptor);
	int code = m ? code_of(m->exit_status) : -1;

	if (m)
		protobuf_c_message_free_unpacked(&m->base, NULL);
	return code;
}

char **containerd_container_names(const struct rpc_call *c)
{
	Containerd__Services__Containers__V1__ListContainersResponse *m =
		rpc_reply(c, &containerd__services__containers__v1__list_containers_response__descriptor);
	char **names = NULL;
	size_t i;

	for (i = 0; m && i < m->n_containers; i++)
		if (strv_add(&names, m->containers[i]->id) < 0)
			break;
	if (m)
		protobuf_c_message_free_unpacked(&m->base, NULL);
	return names;
}
