#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "idmap.h"
#include "io.h"
#include "log.h"
#include "pod.h"
#include "reply.h"
#include "sandbox_service.pb-c.h"
#include "shim.h"
#include "spawn.h"
#include "str.h"

#define REQUEST(type, name)                                    \
	const Containerd__Runtime__Sandbox__V1__##type *name = \
		(const Containerd__Runtime__Sandbox__V1__##type *)(const void *)request

enum {
	/* For processes that were killed: until they are gone. */
	END_TRIES = 400,
	END_MS = 5,
};

enum sandbox_state { CREATED, READY, STOPPED };

struct sandbox {
	struct shim *shim;
	char *id, *netns_path;
	int netns; /* keeps the network namespace; -1: the host's */
	struct pod pod;
	enum sandbox_state state;
	pid_t pid;
	struct exit_watch exit;
	struct timespec created_at, exited_at;
	unsigned status;
	struct list waiters;
};

struct waiter {
	struct list place;
	struct call *call;
	bool stops; /* a StopSandbox, else a WaitSandbox */
};

static struct sandbox *the_sandbox(struct call *call, const char *id)
{
	struct shim *shim = call_data(call);

	if (shim->sandbox && str_eq(shim->sandbox->id, id))
		return shim->sandbox;
	call_fail(call, GRPC_NOT_FOUND, "sandbox %s not found", id);
	return NULL;
}

bool sandbox_is_running(const struct shim *shim)
{
	return shim->sandbox && shim->sandbox->state != STOPPED;
}

/* --- the network -------------------------------------------------------------------------------------------------- */

int sandbox_enter(const struct shim *shim, int *back, struct error *err)
{
	_cleanup_close_ int here = -1;

	*back = -1;
	if (!shim->sandbox || shim->sandbox->netns < 0)
		return 0;
	here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (here < 0 || setns(shim->sandbox->netns, CLONE_NEWNET) < 0)
		return error_set(err, errno, "network namespace %s", shim->sandbox->netns_path);
	*back = steal_fd(&here);
	return 0;
}

void sandbox_leave(int back)
{
	if (back < 0)
		return;
	/* Nothing of ours depends on it: our sockets have paths. */
	if (setns(back, CLONE_NEWNET) < 0)
		log_warn("network namespace: %s", strerror(errno));
	close(back);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

/* For its own process, which says why it cannot be: what it says is an error's text. */
static _Noreturn void give_up(int report, int code, const char *what)
{
	_cleanup_error_ struct error e = { 0 };

	error_set(&e, code, "%s", what);
	(void)io_write(report, error_text(&e), strlen(error_text(&e))); /* else it is one without a reason */
	_exit(1);
}

/* Everything that only a process in the namespaces can do. */
static void settle(const struct sandbox *s, int report)
{
	_cleanup_error_ struct error e = { 0 };

	if (s->netns >= 0 && setns(s->netns, CLONE_NEWNET) < 0)
		give_up(report, errno, "network namespace");
	if (s->pod.hostname && sethostname(s->pod.hostname, strlen(s->pod.hostname)) < 0)
		give_up(report, errno, s->pod.hostname);
	if (s->pod.uids && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		give_up(report, errno, "user 0 of the user namespace");
	for (char **file = s->pod.sysctls; file && *file; file += 2)
		if (file_poke(file[0], file[1], &e) < 0)
			give_up(report, 0, error_text(&e));
}

static _Noreturn void hold(const struct sandbox *s, int report)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* KILL, STOP and libc's own refuse: fine */
	/* Orphans of a PID namespace that containers share come here, and are gone at once. */
	signal(SIGCHLD, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	settle(s, report);
	prctl(PR_SET_NAME, "sandbox");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Everything of the shim's: connections would seem open for as long as this lives. */
	if (syscall(SYS_close_range, 0, ~0u, 0) < 0)
		_exit(1);
	for (;;)
		pause();
}

static void answer(struct sandbox *s)
{
	Containerd__Runtime__Sandbox__V1__WaitSandboxResponse waited =
		CONTAINERD__RUNTIME__SANDBOX__V1__WAIT_SANDBOX_RESPONSE__INIT;
	const Containerd__Runtime__Sandbox__V1__StopSandboxResponse stopped =
		CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;

	waited.exit_status = s->status;
	waited.exited_at = reply_time(&at, &s->exited_at);
	while (!list_empty(&s->waiters)) {
		struct waiter *w = list_entry(s->waiters.next, struct waiter, place);

		list_remove(&w->place);
		call_reply(w->call, w->stops ? &stopped.base : &waited.base);
		free(w);
	}
}

static void stopped(struct sandbox *s, unsigned status)
{
	s->state = STOPPED;
	s->status = status;
	clock_gettime(CLOCK_REALTIME, &s->exited_at);
	if (s->netns >= 0)
		close(s->netns);
	s->netns = -1;
	answer(s);
}

static void exited(struct exit_watch *watch, int status)
{
	stopped(watch->data, (unsigned)spawn_status_code(status));
}

/* The pod's user namespace: that which its network namespace belongs to, where it has one, else a new one. */
static int user_namespace(const struct sandbox *s, struct error *err)
{
	int fd;

	if (s->netns < 0)
		return idmap_namespace(s->pod.uids, s->pod.gids, err);
	fd = ioctl(s->netns, NS_GET_USERNS);
	return fd < 0 ? error_set(err, errno, "user namespace of %s", s->netns_path) : fd;
}

static pid_t hold_start(const struct sandbox *s, uint64_t flags, int report)
{
	struct clone_args args = { .flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD };
	pid_t pid;

	args.flags |= s->pod.host_ipc ? 0 : CLONE_NEWIPC;
	args.flags |= s->pod.host_uts ? 0 : CLONE_NEWUTS;
	args.flags |= s->pod.host_pid ? 0 : CLONE_NEWPID;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		hold(s, report);
	return pid;
}

/* Namespaces belong to the user namespace of whoever makes them: a process of ours goes there and makes them, with a
 * child that is ours. */
static pid_t hold_start_in(const struct sandbox *s, int users, int report, struct error *err)
{
	_cleanup_close_ int in = -1, out = -1;
	pid_t helper, pid = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	in = ends[0];
	out = ends[1];
	helper = fork();
	if (helper == 0) {
		if (setns(users, CLONE_NEWUSER) < 0)
			give_up(report, errno, "user namespace");
		pid = hold_start(s, CLONE_PARENT, report);
		if (pid < 0)
			give_up(report, errno, "sandbox process");
		_exit(io_write(out, &pid, sizeof(pid)) < 0);
	}
	if (helper < 0)
		return error_set(err, errno, "sandbox process");
	close(out);
	out = -1;
	if (io_read(in, &pid, sizeof(pid)) != sizeof(pid))
		pid = error_set(err, 0, "sandbox process");
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	return pid;
}

/* What it says until it holds; -1: that is an error. */
static int hold_wait(int said, struct error *err)
{
	char text[256];
	ssize_t n = io_read(said, text, sizeof(text) - 1);

	if (n == 0)
		return 0;
	text[n > 0 ? n : 0] = '\0';
	return error_say(err, 0, "sandbox: %s", text);
}

static pid_t hold_make(const struct sandbox *s, struct error *err)
{
	_cleanup_close_ int said = -1, report = -1, users = -1;
	int ends[2];
	pid_t pid;

	if (s->pod.uids && (users = user_namespace(s, err)) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	said = ends[0];
	report = ends[1];
	pid = users >= 0 ? hold_start_in(s, users, report, err) : hold_start(s, 0, report);
	if (pid < 0 && users < 0)
		error_set(err, errno, "sandbox process");
	close(report);
	report = -1;
	if (hold_wait(said, err) == 0)
		return pid;
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return -1;
}

static int start(struct sandbox *s, struct error *err)
{
	pid_t pid = hold_make(s, err);

	if (pid < 0)
		return -1;
	s->exit = (struct exit_watch){ .fn = exited, .data = s };
	if (exit_watch_add(&s->shim->reaper, &s->exit, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	s->pid = pid;
	s->state = READY;
	return 0;
}

/* Its containers go with it. */
static void stop(struct sandbox *s)
{
	struct shim *shim = s->shim;

	for (struct list *at = shim->containers.next; at != &shim->containers; at = at->next)
		container_abandon(list_entry(at, struct container, place));
	if (s->state == READY)
		kill(s->pid, SIGKILL);
	else if (s->state == CREATED)
		stopped(s, 0);
}

static bool all_ended(const struct shim *shim)
{
	for (const struct list *at = shim->containers.next; at != &shim->containers; at = at->next) {
		const struct container *c = list_entry(at, struct container, place);

		if (c->init.pid > 0 && !c->init.ended)
			return false;
	}
	return true;
}

bool sandbox_end(struct shim *shim)
{
	if (!shim->sandbox)
		return false;
	stop(shim->sandbox);
	/* The runtime takes a process that nobody has reaped for one that runs. */
	for (int i = 0; i < END_TRIES && !all_ended(shim); i++) {
		(void)poll(NULL, 0, END_MS);
		reaper_run(&shim->reaper);
	}
	/* Nobody could delete them later. There are none where the client has done what it should. */
	for (struct list *at = shim->containers.next; at != &shim->containers; at = at->next) {
		const struct container *c = list_entry(at, struct container, place);

		container_remove(c->id, shim->namespace, c->bundle);
	}
	return true;
}

bool sandbox_is(const struct shim *shim, const char *id)
{
	return shim->sandbox && str_eq(shim->sandbox->id, id);
}

void sandbox_free(struct shim *shim)
{
	struct sandbox *s = shim->sandbox;

	if (!s)
		return;
	shim->sandbox = NULL;
	exit_watch_remove(&s->exit);
	if (s->state == READY)
		kill(s->pid, SIGKILL);
	answer(s);
	if (s->netns >= 0)
		close(s->netns);
	pod_clear(&s->pod);
	free(s->netns_path);
	free(s->id);
	free(s);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void wait_cancelled(struct call *call, void *data, enum grpc_status why)
{
	struct waiter *w = data;

	list_remove(&w->place);
	free(w);
	call_fail(call, why, "the sandbox has not stopped");
}

static void wait_for(struct sandbox *s, struct call *call, bool stops)
{
	struct waiter *w = malloc(sizeof(*w));

	if (!w) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*w = (struct waiter){ .call = call, .stops = stops };
	list_append(&s->waiters, &w->place);
	call_on_cancel(call, wait_cancelled, w);
	if (s->state == STOPPED)
		answer(s);
}

static void on_create(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(CreateSandboxRequest, r);
	const Containerd__Runtime__Sandbox__V1__CreateSandboxResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__CREATE_SANDBOX_RESPONSE__INIT;
	struct shim *shim = call_data(call);
	_cleanup_close_ int netns = -1;
	_cleanup_pod_ struct pod pod = { 0 };
	_cleanup_error_ struct error e = { 0 };
	struct sandbox *s;

	if (shim->sandbox) {
		call_fail(call, GRPC_ALREADY_EXISTS, "sandbox %s already exists", shim->sandbox->id);
		return;
	}
	if (*r->netns_path && (netns = open(r->netns_path, O_RDONLY | O_CLOEXEC)) < 0) {
		call_fail(call, errno == ENOENT ? GRPC_NOT_FOUND : GRPC_UNKNOWN, "network namespace %s: %s",
			  r->netns_path, strerror(errno));
		return;
	}
	if (pod_read(r->options, netns < 0, &pod, &e) < 0) {
		call_fail(call, GRPC_INVALID_ARGUMENT, "%s", error_text(&e));
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		s->id = strdup(r->sandbox_id);
		s->netns_path = strdup(r->netns_path);
	}
	if (!s || !s->id || !s->netns_path) {
		if (s) {
			free(s->id);
			free(s->netns_path);
		}
		free(s);
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	s->shim = shim;
	s->netns = steal_fd(&netns);
	s->pod = pod;
	pod = (struct pod){ 0 };
	list_init(&s->waiters);
	clock_gettime(CLOCK_REALTIME, &s->created_at);
	shim->sandbox = s;
	call_reply(call, &response.base);
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

	if (!s || !str_eq(s->id, r->sandbox_id) || s->state != CREATED) {
		call_fail(call, GRPC_FAILED_PRECONDITION, "failed precondition: sandbox %s is %s", r->sandbox_id,
			  !s || !str_eq(s->id, r->sandbox_id) ? "not created"
				  : s->state == READY         ? "running"
							      : "stopped");
		return;
	}
	if (start(s, &e) < 0) {
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

static void on_stop(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(StopSandboxRequest, r);
	struct sandbox *s = the_sandbox(call, r->sandbox_id);

	if (!s)
		return;
	stop(s);
	wait_for(s, call, true);
}

static void on_wait(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(WaitSandboxRequest, r);
	struct sandbox *s = the_sandbox(call, r->sandbox_id);

	if (s)
		wait_for(s, call, false);
}

static void on_status(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(SandboxStatusRequest, r);
	Containerd__Runtime__Sandbox__V1__SandboxStatusResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_STATUS_RESPONSE__INIT;
	Containerd__Runtime__Sandbox__V1__SandboxStatusResponse__InfoEntry info[3], *entries[3];
	Google__Protobuf__Timestamp created, exited_at;
	struct sandbox *s = the_sandbox(call, r->sandbox_id);
	char pid[16];

	if (!s)
		return;
	snprintf(pid, sizeof(pid), "%d", (int)s->pid);
	response.sandbox_id = s->id;
	response.pid = (uint32_t)s->pid;
	response.state = (char *)(s->state == READY ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
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

	if (the_sandbox(call, r->sandbox_id))
		call_reply(call, &response.base);
}

static void on_shutdown(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(ShutdownSandboxRequest, r);
	const Containerd__Runtime__Sandbox__V1__ShutdownSandboxResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__SHUTDOWN_SANDBOX_RESPONSE__INIT;
	struct shim *shim = call_data(call);
	struct sandbox *s = shim->sandbox;

	if (s && !str_eq(s->id, r->sandbox_id)) {
		call_fail(call, GRPC_NOT_FOUND, "sandbox %s not found", r->sandbox_id);
		return;
	}
	sandbox_end(shim);
	shim_leave_after_peers(shim);
	call_reply(call, &response.base);
}

static void on_metrics(struct call *call, const ProtobufCMessage *request)
{
	REQUEST(SandboxMetricsRequest, r);
	Containerd__Runtime__Sandbox__V1__SandboxMetricsResponse response =
		CONTAINERD__RUNTIME__SANDBOX__V1__SANDBOX_METRICS_RESPONSE__INIT;
	Containerd__Types__Metric metric = CONTAINERD__TYPES__METRIC__INIT;
	Google__Protobuf__Timestamp at;
	struct sandbox *s = the_sandbox(call, r->sandbox_id);
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
