#include "service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
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
static struct container *container_wanted(struct call *call, const char *id)
{
	struct container *c = container_find(call_data(call), id);

	if (!c)
		call_fail(call, GRPC_NOT_FOUND, "container %s not found", id);
	return c;
}

static struct process *process_wanted(struct call *call, const char *id, const char *exec_id)
{
	struct container *c = container_wanted(call, id);
	struct process *p = c ? container_process(c, exec_id) : NULL;

	if (c && !p)
		call_fail(call, GRPC_NOT_FOUND, "process %s of container %s not found", exec_id, id);
	return p;
}

/* Whether it can name a file in the bundle and an argument of the runtime. */
static bool id_is_valid(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= 255 && *id != '-' && *id != '.' && !strchr(id, '/') && !strchr(id, '\n');
}

static void on_create(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(CreateTaskRequest, r);
	struct shim *shim = call_data(call);

	if (!id_is_valid(r->id))
		call_fail(call, GRPC_INVALID_ARGUMENT, "container id \"%s\"", r->id);
	else if (*r->bundle != '/')
		call_fail(call, GRPC_INVALID_ARGUMENT, "bundle \"%s\" is not an absolute path", r->bundle);
	else if (container_exists(shim, r->id))
		call_fail(call, GRPC_ALREADY_EXISTS, "container %s already exists", r->id);
	else if (shim->leaving || shim->closing)
		call_fail(call, GRPC_UNAVAILABLE, "the shim is shutting down");
	else
		task_create(shim, call, r);
}

static void on_start(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StartRequest, r);
	struct process *p = process_wanted(call, r->id, r->exec_id);

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
	struct process *p = process_wanted(call, r->id, r->exec_id);

	if (p)
		task_delete(p, call);
}

static void on_exec(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ExecProcessRequest, r);
	struct container *c = container_wanted(call, r->id);

	if (!c)
		return;
	if (!id_is_valid(r->exec_id))
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
	struct process *p = process_wanted(call, r->id, r->exec_id);

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
	struct container *c = container_wanted(call, r->id);

	if (c)
		task_pause(c, call);
}

static void on_resume(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ResumeRequest, r);
	struct container *c = container_wanted(call, r->id);

	if (c)
		task_resume(c, call);
}

static void on_checkpoint(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(CheckpointTaskRequest, r);
	struct container *c = container_wanted(call, r->id);

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
	struct process *p = process_wanted(call, r->id, r->exec_id);

	if (p)
		task_kill(p, call, r->signal, r->all);
}

static void on_resize(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ResizePtyRequest, r);
	struct process *p = process_wanted(call, r->id, r->exec_id);
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
	struct process *p = process_wanted(call, r->id, r->exec_id);

	if (!p)
		return;
	if (r->stdin)
		streams_close_stdin(&p->streams);
	reply_empty(call);
}

static void on_update(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(UpdateTaskRequest, r);
	struct container *c = container_wanted(call, r->id);

	if (c)
		task_update(c, call, r);
}

static void on_wait(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(WaitRequest, r);
	struct process *p = process_wanted(call, r->id, r->exec_id);

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

/* The socket goes before the answer: who has that may start the next shim at once. */
static void shutdown_done(struct call *call, const struct sandbox *s)
{
	(void)s;
	shim_leave(call_data(call));
	reply_empty(call);
}

static void on_shutdown(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ShutdownRequest, r);
	struct shim *shim = call_data(call);
	struct container *c = r->now ? container_find(shim, r->id) : NULL;

	/* Our own `delete`, which has already taken away what the container was. */
	if (c && op_queue_idle(&c->ops)) {
		container_abandon(c);
		container_free(c);
	}
	/* The same for a sandbox, whose containers go with it. */
	if (r->now && sandbox_is(shim, r->id))
		sandbox_end(shim->sandbox, call, shutdown_done);
	else if (list_empty(&shim->containers) && (!shim->sandbox || sandbox_is(shim, r->id)))
		shutdown_done(call, NULL);
	else
		reply_empty(call); /* others are still served, or the sandbox, which outlives its containers */
}

static void on_pids(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(PidsRequest, r);
	struct container *c = container_wanted(call, r->id);

	if (c)
		task_pids(c, call);
}

static void on_stats(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StatsRequest, r);
	Containerd__Task__V2__StatsResponse response = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct container *c = container_wanted(call, r->id);
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
