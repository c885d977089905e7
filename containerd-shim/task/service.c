#include "service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "empty.pb-c.h"
#include "metrics.h"
#include "reply.h"
#include "runc_options.pb-c.h"
#include "sandbox.h"
#include "shim.h"
#include "str.h"
#include "task.h"

/* The request in its own type. */
#define REQUEST(type, name) \
	const Containerd__Task__V2__##type *name = (const Containerd__Task__V2__##type *)(const void *)request

static void reply_empty(struct call *call)
{
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;

	call_reply(call, &empty.base);
}

/* NULL: the call has been answered. */
static struct container *the_container(struct call *call, const char *id)
{
	struct container *c = container_find(call_data(call), id);

	if (!c)
		call_fail(call, GRPC_NOT_FOUND, "container %s not found", id);
	return c;
}

static struct process *the_process(struct call *call, const char *id, const char *exec_id)
{
	struct container *c = the_container(call, id);
	struct process *p = c ? container_process(c, exec_id) : NULL;

	if (c && !p)
		call_fail(call, GRPC_NOT_FOUND, "process %s of container %s not found", exec_id, id);
	return p;
}

static void on_create(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(CreateTaskRequest, r);
	struct shim *shim = call_data(call);

	if (!task_id_is_valid(r->id))
		call_fail(call, GRPC_INVALID_ARGUMENT, "container id \"%s\"", r->id);
	else if (*r->bundle != '/')
		call_fail(call, GRPC_INVALID_ARGUMENT, "bundle \"%s\" is not an absolute path", r->bundle);
	else if (container_exists(shim, r->id))
		call_fail(call, GRPC_ALREADY_EXISTS, "container %s already exists", r->id);
	else if (shim->leaving)
		call_fail(call, GRPC_UNAVAILABLE, "the shim is shutting down");
	else
		task_create(shim, call, r);
}

static void on_start(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StartRequest, r);
	struct process *p = the_process(call, r->id, r->exec_id);

	if (!p)
		return;
	if (!process_is_init(p) && p->container->init.ended)
		call_fail(call, GRPC_FAILED_PRECONDITION, "container %s: its first process is not running", r->id);
	else
		task_start(p, call);
}

static void on_delete(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(DeleteRequest, r);
	struct process *p = the_process(call, r->id, r->exec_id);

	if (p)
		task_delete(p, call);
}

static void on_exec(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ExecProcessRequest, r);
	struct container *c = the_container(call, r->id);

	if (!c)
		return;
	if (!task_id_is_valid(r->exec_id))
		call_fail(call, GRPC_INVALID_ARGUMENT, "exec id \"%s\"", r->exec_id);
	else if (container_process(c, r->exec_id))
		call_fail(call, GRPC_ALREADY_EXISTS, "process %s of container %s already exists", r->exec_id, r->id);
	else
		task_exec(c, call, r);
}

static Containerd__V1__Types__Status status_of(const struct process *p)
{
	const struct container *c = p->container;

	if (p->state == PROCESS_STOPPED)
		return CONTAINERD__V1__TYPES__STATUS__STOPPED;
	if (p->state == PROCESS_CREATED)
		return CONTAINERD__V1__TYPES__STATUS__CREATED;
	if (c->pausing)
		return CONTAINERD__V1__TYPES__STATUS__PAUSING;
	return c->paused ? CONTAINERD__V1__TYPES__STATUS__PAUSED : CONTAINERD__V1__TYPES__STATUS__RUNNING;
}

static void on_state(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StateRequest, r);
	Containerd__Task__V2__StateResponse response = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;
	struct process *p = the_process(call, r->id, r->exec_id);

	if (!p)
		return;
	response.id = p->id;
	response.bundle = p->container->bundle;
	response.pid = (uint32_t)p->pid;
	response.status = status_of(p);
	response.stdin = p->paths.in;
	response.stdout = p->paths.out;
	response.stderr = p->paths.err;
	response.terminal = p->paths.terminal;
	if (p->state == PROCESS_STOPPED) {
		response.exit_status = p->status;
		response.exited_at = reply_time(&at, &p->ended_at);
	}
	if (!process_is_init(p))
		response.exec_id = p->id;
	call_reply(call, &response.base);
}

static void on_pause(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(PauseRequest, r);
	struct container *c = the_container(call, r->id);

	if (c)
		task_pause(c, call);
}

static void on_resume(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ResumeRequest, r);
	struct container *c = the_container(call, r->id);

	if (c)
		task_resume(c, call);
}

static void on_checkpoint(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(CheckpointTaskRequest, r);
	struct container *c = the_container(call, r->id);

	if (!c)
		return;
	if (*r->path != '/')
		call_fail(call, GRPC_INVALID_ARGUMENT, "checkpoint path \"%s\" is not absolute", r->path);
	else
		task_checkpoint(c, call, r);
}

static void on_kill(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(KillRequest, r);
	struct process *p = the_process(call, r->id, r->exec_id);

	if (p)
		task_kill(p, call, r->signal, r->all);
}

static void on_resize(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ResizePtyRequest, r);
	struct process *p = the_process(call, r->id, r->exec_id);
	_cleanup_error_ struct error e = { 0 };

	if (!p)
		return;
	/* Of a process that has ended meanwhile there is nothing to resize, and nothing wrong with that. */
	if (p->state != PROCESS_STOPPED && p->paths.terminal &&
	    streams_resize(&p->streams, r->height, r->width, &e) < 0)
		call_fail(call, GRPC_INVALID_ARGUMENT, "%s", error_text(&e));
	else
		reply_empty(call);
}

static void on_close_io(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(CloseIORequest, r);
	struct process *p = the_process(call, r->id, r->exec_id);

	if (!p)
		return;
	if (r->stdin)
		streams_close_stdin(&p->streams);
	reply_empty(call);
}

static void on_update(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(UpdateTaskRequest, r);
	struct container *c = the_container(call, r->id);

	if (c)
		task_update(c, call, r);
}

static void on_wait(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(WaitRequest, r);
	struct process *p = the_process(call, r->id, r->exec_id);

	if (p)
		process_wait(p, call);
}

static void on_connect(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ConnectRequest, r);
	Containerd__Task__V2__ConnectResponse response = CONTAINERD__TASK__V2__CONNECT_RESPONSE__INIT;
	struct container *c = container_find(call_data(call), r->id);

	response.shim_pid = (uint32_t)getpid();
	response.task_pid = c ? (uint32_t)c->init.pid : 0;
	call_reply(call, &response.base);
}

static void on_shutdown(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ShutdownRequest, r);
	struct shim *shim = call_data(call);
	struct container *c = r->now ? container_find(shim, r->id) : NULL;
	bool ended;

	/* Our own `delete`, which has already taken away what the container was. */
	if (c && !c->exclusive && c->shared == 0) {
		container_abandon(c);
		container_free(c);
	}
	/* The same for a sandbox, whose containers go with it. */
	ended = r->now && sandbox_is(shim, r->id) && sandbox_end(shim);
	/* Others are still served. The socket goes before the answer: who has that may start the next shim at once. */
	if (ended || list_empty(&shim->containers))
		shim_leave(shim);
	reply_empty(call);
}

/* --- processes ---------------------------------------------------------------------------------------------------- */

struct pids {
	struct container *container;
	Containerd__V1__Types__ProcessInfo **list;
	size_t count, cap;
};

static void pids_free(struct pids *p)
{
	for (size_t i = 0; i < p->count; i++)
		protobuf_c_message_free_unpacked(&p->list[i]->base, NULL);
	free(p->list);
}

/* The name of an added process goes along. */
static int details_add(Containerd__V1__Types__ProcessInfo *info, const struct process *p)
{
	Containerd__Runc__V1__ProcessDetails details = CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;
	Google__Protobuf__Any *any = malloc(sizeof(*any));

	if (!any)
		return -1;
	*any = (Google__Protobuf__Any)GOOGLE__PROTOBUF__ANY__INIT;
	info->info = any;
	details.exec_id = p->id;
	any->type_url = strdup(details.base.descriptor->name);
	any->value.len = containerd__runc__v1__process_details__get_packed_size(&details);
	any->value.data = malloc(any->value.len ? any->value.len : 1);
	if (!any->type_url || !any->value.data)
		return -1;
	containerd__runc__v1__process_details__pack(&details, any->value.data);
	return 0;
}

static int pid_add(pid_t pid, void *data)
{
	struct pids *p = data;
	Containerd__V1__Types__ProcessInfo *info;

	if (p->count == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		Containerd__V1__Types__ProcessInfo **grown = reallocarray(p->list, cap, sizeof(*grown));

		if (!grown)
			return -1;
		p->list = grown;
		p->cap = cap;
	}
	info = malloc(sizeof(*info));
	if (!info)
		return -1;
	*info = (Containerd__V1__Types__ProcessInfo)CONTAINERD__V1__TYPES__PROCESS_INFO__INIT;
	info->pid = (uint32_t)pid;
	p->list[p->count++] = info;
	for (struct list *at = p->container->execs.next; at != &p->container->execs; at = at->next) {
		const struct process *exec = list_entry(at, struct process, place);

		if (exec->pid == pid && !exec->ended)
			return details_add(info, exec);
	}
	return 0;
}

static void on_pids(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(PidsRequest, r);
	Containerd__Task__V2__PidsResponse response = CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
	struct container *c = the_container(call, r->id);
	struct pids pids = { .container = c };
	const char *dir;
	int result = 0;

	if (!c)
		return;
	dir = cgroups_dir(&c->cgroups, "pids");
	if (!dir)
		dir = cgroups_dir(&c->cgroups, "devices");
	if (dir)
		result = cgroups_each_pid(dir, pid_add, &pids);
	else if (c->init.pid > 0 && !c->init.ended)
		result = pid_add(c->init.pid, &pids); /* without groups of its own, this is what is known */
	response.n_processes = pids.count;
	response.processes = pids.list;
	if (result < 0)
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	else
		call_reply(call, &response.base);
	pids_free(&pids);
}

static void on_stats(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StatsRequest, r);
	Containerd__Task__V2__StatsResponse response = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct container *c = the_container(call, r->id);
	_cleanup_error_ struct error e = { 0 };

	if (!c)
		return;
	if (!c->cgroups.dirs || c->init.state == PROCESS_STOPPED) {
		call_fail(call, GRPC_NOT_FOUND, "container %s has no control group", r->id);
		return;
	}
	if (metrics_pack(&c->cgroups, &any, &e) < 0) {
		call_fail(call, GRPC_UNKNOWN, "%s", error_text(&e));
		return;
	}
	response.stats = &any;
	call_reply(call, &response.base);
	free(any.value.data);
}

#define METHOD(name, type, fn)                                        \
	{                                                             \
		name, &containerd__task__v2__##type##__descriptor, fn \
	}

static const struct method methods[] = {
	METHOD("State", state_request, on_state),
	METHOD("Create", create_task_request, on_create),
	METHOD("Start", start_request, on_start),
	METHOD("Delete", delete_request, on_delete),
	METHOD("Pids", pids_request, on_pids),
	METHOD("Pause", pause_request, on_pause),
	METHOD("Resume", resume_request, on_resume),
	METHOD("Checkpoint", checkpoint_task_request, on_checkpoint),
	METHOD("Kill", kill_request, on_kill),
	METHOD("Exec", exec_process_request, on_exec),
	METHOD("ResizePty", resize_pty_request, on_resize),
	METHOD("CloseIO", close_iorequest, on_close_io),
	METHOD("Update", update_task_request, on_update),
	METHOD("Wait", wait_request, on_wait),
	METHOD("Stats", stats_request, on_stats),
	METHOD("Connect", connect_request, on_connect),
	METHOD("Shutdown", shutdown_request, on_shutdown),
};

static const char *const names[] = { "containerd.task.v2.Task", "containerd.task.v3.Task", NULL };

const struct service task_service = { .names = names, .methods = methods, .method_count = array_len(methods) };
