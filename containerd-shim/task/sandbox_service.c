#include "sandbox_service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "reply.h"
#include "sandbox.h"
#include "sandbox_service.pb-c.h"
#include "shim.h"
#include "str.h"

/* The request in its own type. */
#define REQUEST(type, name)                                    \
	const Containerd__Runtime__Sandbox__V1__##type *name = \
		(const Containerd__Runtime__Sandbox__V1__##type *)(const void *)request

/* NULL: the call has been answered. */
static struct sandbox *sandbox_wanted(struct call *call, const char *id)
{
	struct shim *shim = call_data(call);

	if (sandbox_is(shim, id))
		return shim->sandbox;
	call_fail(call, GRPC_NOT_FOUND, "sandbox %s not found", id);
	return NULL;
}

static void on_create(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(CreateSandboxRequest, r);
	const Containerd__Runtime__Sandbox__V1__CreateSandboxResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__CREATE_SANDBOX_RESPONSE__INIT;
	struct shim *shim = call_data(call);
	_cleanup_error_ struct error e = { 0 };
	enum grpc_status status;

	if (shim->sandbox)
		call_fail(call, GRPC_ALREADY_EXISTS, "sandbox %s already exists", shim->sandbox->id);
	else if (sandbox_make(shim, r->sandbox_id, r->netns_path, r->options, &status, &e))
		call_reply(call, &response.base);
	else
		call_fail(call, status, "%s", error_text(&e));
}

static void on_start(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StartSandboxRequest, r);
	Containerd__Runtime__Sandbox__V1__StartSandboxResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__START_SANDBOX_RESPONSE__INIT;
	struct shim *shim = call_data(call);
	struct sandbox *s = shim->sandbox;
	_cleanup_error_ struct error e = { 0 };
	Google__Protobuf__Timestamp at;

	if (!s || !str_eq(s->id, r->sandbox_id) || s->state != SANDBOX_CREATED) {
		call_fail(call, GRPC_FAILED_PRECONDITION, "failed precondition: sandbox %s is %s", r->sandbox_id,
			  !s || !str_eq(s->id, r->sandbox_id) ? "not created"
				  : s->state == SANDBOX_READY ? "running"
							      : "stopped");
		return;
	}
	if (sandbox_start(s, &e) < 0) {
		call_fail(call, GRPC_UNKNOWN, "%s", error_text(&e));
		return;
	}
	response.pid = (uint32_t)s->pid;
	response.created_at = reply_time(&at, &s->created_at);
	call_reply(call, &response.base);
}

static void on_platform(struct call *call, const ProtobufCMessage *request)
{
	/* Go's names for what uname(2) says, as they stand in images. */
	static const struct {
		const char *machine, *architecture;
	} architectures[] = {
		{ "x86_64", "amd64" },    { "aarch64", "arm64" },   { "armv7l", "arm" },  { "i686", "386" },
		{ "riscv64", "riscv64" }, { "ppc64le", "ppc64le" }, { "s390x", "s390x" },
	};
	Containerd__Runtime__Sandbox__V1__PlatformResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__PLATFORM_RESPONSE__INIT;
	Containerd__Types__Platform platform = CONTAINERD__TYPES__PLATFORM__INIT;
	struct utsname u;

	(void)request;
	if (uname(&u) < 0) {
		call_fail(call, GRPC_UNKNOWN, "uname: %s", strerror(errno));
		return;
	}
	platform.os = (char *)"linux";
	platform.architecture = u.machine;
	for (size_t i = 0; i < array_len(architectures); i++)
		if (str_eq(u.machine, architectures[i].machine))
			platform.architecture = (char *)architectures[i].architecture;
	response.platform = &platform;
	call_reply(call, &response.base);
}

static void answer_stopped(struct call *call, const struct sandbox *s)
{
	const Containerd__Runtime__Sandbox__V1__StopSandboxResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_RESPONSE__INIT;

	(void)s;
	call_reply(call, &response.base);
}

static void on_stop(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StopSandboxRequest, r);
	struct sandbox *s = sandbox_wanted(call, r->sandbox_id);

	if (!s)
		return;
	sandbox_stop(s);
	sandbox_wait(s, call, answer_stopped);
}

static void answer_waited(struct call *call, const struct sandbox *s)
{
	Containerd__Runtime__Sandbox__V1__WaitSandboxResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__WAIT_SANDBOX_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;

	response.exit_status = s->status;
	response.exited_at = reply_time(&at, &s->exited_at);
	call_reply(call, &response.base);
}

static void on_wait(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(WaitSandboxRequest, r);
	struct sandbox *s = sandbox_wanted(call, r->sandbox_id);

	if (s)
		sandbox_wait(s, call, answer_waited);
}

static void on_status(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(SandboxStatusRequest, r);
	Containerd__Runtime__Sandbox__V1__SandboxStatusResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_STATUS_RESPONSE__INIT;
	Containerd__Runtime__Sandbox__V1__SandboxStatusResponse__InfoEntry info[3], *entries[3];
	Google__Protobuf__Timestamp created, exited_at;
	struct sandbox *s = sandbox_wanted(call, r->sandbox_id);
	char pid[16];

	if (!s)
		return;
	snprintf(pid, sizeof(pid), "%d", (int)s->pid);
	response.sandbox_id = s->id;
	response.pid = (uint32_t)s->pid;
	response.state = (char *)(s->state == SANDBOX_READY ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
	response.created_at = reply_time(&created, &s->created_at);
	response.exited_at = reply_time(&exited_at, &s->exited_at);
	for (size_t i = 0; i < array_len(info); i++) {
		info[i] = (Containerd__Runtime__Sandbox__V1__SandboxStatusResponse__InfoEntry)
			CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_STATUS_RESPONSE__INFO_ENTRY__INIT;
		entries[i] = &info[i];
	}
	info[0].key = (char *)"pid";
	info[0].value = pid;
	info[1].key = (char *)"state";
	info[1].value = response.state;
	info[2].key = (char *)"networkSandboxPath";
	info[2].value = s->netns_path;
	response.info = entries;
	response.n_info = *s->netns_path ? 3 : 2;
	call_reply(call, &response.base);
}

static void on_ping(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(PingRequest, r);
	const Containerd__Runtime__Sandbox__V1__PingResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__PING_RESPONSE__INIT;

	if (sandbox_wanted(call, r->sandbox_id))
		call_reply(call, &response.base);
}

static void answer_shutdown(struct call *call, const struct sandbox *s)
{
	const Containerd__Runtime__Sandbox__V1__ShutdownSandboxResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__SHUTDOWN_SANDBOX_RESPONSE__INIT;

	(void)s;
	shim_leave_after_peers(call_data(call));
	call_reply(call, &response.base);
}

static void on_shutdown(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ShutdownSandboxRequest, r);
	struct shim *shim = call_data(call);
	struct sandbox *s = shim->sandbox;

	if (!s)
		answer_shutdown(call, NULL);
	else if (!str_eq(s->id, r->sandbox_id))
		call_fail(call, GRPC_NOT_FOUND, "sandbox %s not found", r->sandbox_id);
	else
		sandbox_end(s, call, answer_shutdown);
}

static void on_metrics(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(SandboxMetricsRequest, r);
	Containerd__Runtime__Sandbox__V1__SandboxMetricsResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_METRICS_RESPONSE__INIT;
	Containerd__Types__Metric metric = CONTAINERD__TYPES__METRIC__INIT;
	Google__Protobuf__Timestamp at;
	struct sandbox *s = sandbox_wanted(call, r->sandbox_id);
	struct timespec now;

	if (!s)
		return;
	/* It has no control group of its own: what it uses is what its containers use. */
	clock_gettime(CLOCK_REALTIME, &now);
	metric.timestamp = reply_time(&at, &now);
	metric.id = s->id;
	response.metrics = &metric;
	call_reply(call, &response.base);
}

#define METHOD(name, type, fn)                                                    \
	{                                                                         \
		name, &containerd__runtime__sandbox__v1__##type##__descriptor, fn \
	}

static const struct method methods[] = {
	METHOD("CreateSandbox", create_sandbox_request, on_create),
	METHOD("StartSandbox", start_sandbox_request, on_start),
	METHOD("Platform", platform_request, on_platform),
	METHOD("StopSandbox", stop_sandbox_request, on_stop),
	METHOD("WaitSandbox", wait_sandbox_request, on_wait),
	METHOD("SandboxStatus", sandbox_status_request, on_status),
	METHOD("PingSandbox", ping_request, on_ping),
	METHOD("ShutdownSandbox", shutdown_sandbox_request, on_shutdown),
	METHOD("SandboxMetrics", sandbox_metrics_request, on_metrics),
};

static const char *const names[] = { "containerd.runtime.sandbox.v1.Sandbox", NULL };

const struct service sandbox_service = { .names = names, .methods = methods, .method_count = array_len(methods) };
