/* The engine on containerd.
 *
 * start    Containers.Create (once), Tasks.Create, what has to happen in between, Tasks.Start: three round trips. The
 *          namespace comes into being with the container.
 * the end  is seen by a pidfd, without containerd, which may be away; Tasks.Wait then has the exit status, and
 *          Tasks.Delete returns when all output has arrived in the fifos. While containerd is away the shim is asked
 *          for the exit status (shim_wait.h).
 *
 * Where containerd says that a container or task exists already (of an earlier boot, or half made when containerd
 * died), the old one is killed and deleted, and the start begins again, once. A call that fails because the connection
 * broke is no failure of the service: its step is done again when containerd is back. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "calls.h"
#include "exec.h"
#include "daemon.h"
#include "engine.h"
#include "io.h"
#include "log.h"
#include "process.h"
#include "pulse.h"
#include "service.h"
#include "shim_wait.h"
#include "str.h"
#include "supervisor.h"

/* What containerd keeps of tasks beside their state, where its configuration names no other root. */
#define TASKS_KEPT "/var/lib/containerd/io.containerd.runtime.v2.task"

enum { SETTLE_US = 1000 * 1000 };

struct containerd {
	struct engine engine;
	struct daemon *daemon;
	struct rpc *rpc; /* NULL: not connected */
	char *socket;
	const char *namespace, *state;
	bool owned;               /* nobody but us uses it */
	bool swept;               /* stale containers have been looked for */
	struct loop_timer settle; /* what can wait is done when the start is over */
	struct pulse pulse;
	struct rpc_call events, stale;
	char **stale_names;
};

enum step {
	STEP_NONE,
	STEP_QUEUED, /* to be started once containerd is there */
	STEP_ADOPT,
	STEP_CONTAINER,
	STEP_TASK,
	STEP_START,
	STEP_CLEAN_KILL, /* an old one, or one that could not be started: killed, */
	STEP_CLEAN_WAIT,
	STEP_CLEAN_TASK,      /* deleted, */
	STEP_CLEAN_CONTAINER, /* and its container too */
	STEP_WAIT,            /* it ended by itself */
	STEP_DELETE,
	STEP_REMOVE,
};

struct engine_task {
	struct containerd *engine;
	struct service *service;
	enum step step;
	struct rpc_call call, kill_call;
	bool container; /* containerd has it */
	bool cleaned;   /* what was there before has been deleted in this start */
	bool unbundled; /* the same for the directory of its bundle */
	bool adopting;  /* it was another supervisor's: to be taken over */
	bool failing;   /* report `why` after the cleaning */
	struct error why;
	pid_t pid;
	struct loop_io process; /* pidfd */
	bool ended;             /* the pidfd said so while there was no containerd to ask, or a start was under way */
	struct shim_wait shim;
	int code;

	struct containerd_exec exec;
	engine_exec_fn *exec_done;
};

static void step_begin(struct engine_task *t, enum step step);
static void step_done(struct rpc_call *c, enum grpc_status status, const char *message);

static bool connected(const struct containerd *e)
{
	return e->rpc && !rpc_is_lost(e->rpc);
}

static const char *namespace_of(const struct engine_task *t)
{
	const char *own = t->service->bundle.runtime.containerd_namespace;

	return own ? own : t->engine->namespace;
}

/* --- the process ------------------------------------------------------------------------------------------------ */

static void process_forget(struct engine_task *t)
{
	loop_io_remove(&t->process);
	cleanup_close(&t->process.fd);
	t->process.fd = -1;
	t->pid = 0;
}

static void shim_said(struct shim_wait *w, int code)
{
	struct engine_task *t = w->data;

	t->code = code;
}

/* containerd is not there to be asked, and may have forgotten when it is back. */
static void shim_ask(struct engine_task *t)
{
	_cleanup_free_ char *dir = str_format("%s/%s/%s", t->engine->state, namespace_of(t), t->service->name);

	t->shim.done = shim_said;
	t->shim.data = t;
	if (dir)
		shim_wait_begin(&t->shim, t->engine->engine.supervisor->loop, dir, t->service->name);
}

static void process_ended(struct loop_io *io, uint32_t events)
{
	struct engine_task *t = io->data;

	(void)events;
	loop_io_remove(io);
	t->ended = true;
	if (t->step == STEP_NONE && !connected(t->engine))
		shim_ask(t);
	if (t->step == STEP_NONE && connected(t->engine))
		step_begin(t, STEP_WAIT);
	else if (t->step == STEP_NONE && t->engine->engine.supervisor->stopping)
		step_begin(t, STEP_DELETE); /* fails at once, without a connection */
}

static int process_watch(struct engine_task *t, pid_t pid, struct error *err)
{
	process_forget(t);
	t->process =
		(struct loop_io){ .fd = process_open(pid, err), .events = EPOLLIN, .fn = process_ended, .data = t };
	if (t->process.fd < 0 || loop_io_add(t->engine->engine.supervisor->loop, &t->process, err) < 0)
		return -1;
	t->pid = pid;
	t->ended = false;
	return 0;
}

/* --- one step ----------------------------------------------------------------------------------------------------- */

static char *spec_read(struct engine_task *t, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/config.json", t->service->bundle.path);
	_cleanup_free_ char *root = str_format("%s/rootfs", t->service->bundle.path);
	_cleanup_buf_ struct buf json = { 0 };
	char *spec;

	if (!path || !root) {
		error_set(err, ENOMEM, "config.json");
		return NULL;
	}
	if (file_read(path, OCI_FILE_MAX, &json, err) < 0)
		return NULL;
	spec = oci_config_with_root(json.data, json.len, root, err);
	if (!spec)
		error_wrap(err, "%s", path);
	return spec;
}

static void fail(struct engine_task *t, struct error *why)
{
	error_move(&t->why, why);
	t->failing = true;
	step_begin(t, STEP_CLEAN_KILL);
}

static void step_container(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *spec = spec_read(t, &err);

	if (!spec) {
		t->step = STEP_NONE;
		service_start_failed(t->service, &err);
		return;
	}
	containerd_container_create(t->engine->rpc, &t->call, namespace_of(t), t->service->name, spec);
}

static void step_begin(struct engine_task *t, enum step step)
{
	const char *ns = namespace_of(t), *id = t->service->name;
	struct rpc *r = t->engine->rpc;

	t->step = step;
	t->call.done = step_done;
	t->call.data = t;
	switch (step) {
	case STEP_NONE:
	case STEP_QUEUED:
		break;
	case STEP_ADOPT:
		containerd_task_get(r, &t->call, ns, id);
		break;
	case STEP_CONTAINER:
		step_container(t);
		break;
	case STEP_TASK:
		containerd_task_create(r, &t->call, ns, id, t->service->capture.out.fifo, t->service->capture.err.fifo);
		break;
	case STEP_START:
		containerd_process_start(r, &t->call, ns, id, "");
		break;
	case STEP_CLEAN_KILL:
		containerd_task_kill(r, &t->call, ns, id, SIGKILL);
		break;
	case STEP_CLEAN_WAIT:
	case STEP_WAIT:
		containerd_process_wait(r, &t->call, ns, id, "");
		break;
	case STEP_CLEAN_TASK:
	case STEP_DELETE:
		containerd_task_delete(r, &t->call, ns, id);
		break;
	case STEP_CLEAN_CONTAINER:
	case STEP_REMOVE:
		containerd_container_delete(r, &t->call, ns, id);
		break;
	}
}

/* --- what follows it -------------------------------------------------------------------------------------------- */

static void start_failed(struct engine_task *t)
{
	struct error why = t->why;

	t->why = (struct error){ 0 };
	t->step = STEP_NONE;
	t->failing = false;
	process_forget(t);
	service_start_failed(t->service, &why);
	error_clear(&why);
}

static void refused(struct engine_task *t, const char *message)
{
	_cleanup_error_ struct error err = { 0 };

	error_set(&err, 0, "containerd: %s", message);
	fail(t, &err);
}

static void exited(struct engine_task *t)
{
	t->step = STEP_NONE;
	process_forget(t);
	shim_wait_cancel(&t->shim);
	t->ended = false;
	service_exited(t->service, t->code);
}

static void running(struct engine_task *t)
{
	t->step = STEP_NONE;
	service_started(t->service, t->pid);
	if (t->step == STEP_NONE && t->ended && t->pid)
		step_begin(t, STEP_WAIT);
}

static void adopt_done(struct engine_task *t, enum grpc_status status)
{
	_cleanup_error_ struct error err = { 0 };
	pid_t pid = 0;

	t->adopting = false;
	t->container = true;
	switch (status == GRPC_OK ? containerd_task_found(&t->call, &pid, &t->code) : CONTAINERD_TASK_NONE) {
	case CONTAINERD_TASK_RUNS:
		if (process_watch(t, pid, NULL) == 0)
			running(t);
		else
			step_begin(t, STEP_WAIT); /* just ended */
		break;
	case CONTAINERD_TASK_ENDED:
		step_begin(t, STEP_DELETE);
		break;
	case CONTAINERD_TASK_HALF_MADE:
		error_set(&err, 0, "the supervisor ended in the middle of it");
		fail(t, &err);
		break;
	case CONTAINERD_TASK_NONE:
		exited(t); /* deleted, and nobody knows what its status was */
		break;
	}
}

static void container_done(struct engine_task *t, enum grpc_status status, const char *message)
{
	if (status == GRPC_OK) {
		t->container = true;
		step_begin(t, STEP_TASK);
	} else if (status == GRPC_ALREADY_EXISTS && !t->cleaned) {
		step_begin(t, STEP_CLEAN_KILL);
	} else {
		error_set(&t->why, 0, "containerd: %s", message);
		start_failed(t);
	}
}

/* containerd, killed between making a bundle's directory and starting the shim, stumbles over that directory for ever.
 */
static bool remove_leftover(struct engine_task *t, const char *message)
{
	_cleanup_free_ char *dir = str_format("%s/%s/%s", t->engine->state, namespace_of(t), t->service->name);
	_cleanup_free_ char *rootfs =
		str_format("%s/%s/%s/rootfs", t->engine->state, namespace_of(t), t->service->name);

	if (!dir || !rootfs || t->unbundled || !strstr(message, "file exists") || !strstr(message, dir))
		return false;
	t->unbundled = true;
	log_warn("%s: removing what a killed containerd left: %s", t->service->name, dir);
	umount2(rootfs, MNT_DETACH);
	return dir_remove(dir, NULL) == 0;
}

static void task_done(struct engine_task *t, enum grpc_status status, const char *message)
{
	_cleanup_error_ struct error err = { 0 };

	if ((status == GRPC_ALREADY_EXISTS || status == GRPC_NOT_FOUND) && !t->cleaned) {
		step_begin(t, STEP_CLEAN_KILL);
	} else if (status != GRPC_OK && remove_leftover(t, message)) {
		step_begin(t, STEP_TASK);
	} else if (status != GRPC_OK) {
		refused(t, message);
	} else if (process_watch(t, containerd_created_pid(&t->call), &err) < 0 ||
		   prepare_process(&t->service->bundle, t->pid, &err) < 0) {
		fail(t, &err);
	} else {
		step_begin(t, STEP_START);
	}
}

static void cleaned(struct engine_task *t, enum grpc_status status, const char *message)
{
	t->cleaned = true;
	t->container = false;
	if (t->failing) {
		start_failed(t);
	} else if (status == GRPC_OK || status == GRPC_NOT_FOUND) {
		step_begin(t, STEP_CONTAINER);
	} else {
		error_set(&t->why, 0, "containerd: %s", message);
		start_failed(t);
	}
}

static void step_done(struct rpc_call *c, enum grpc_status status, const char *message)
{
	struct engine_task *t = c->data;

	/* Without containerd: to be done again, except where nothing depends on it any more. */
	if (status == GRPC_UNAVAILABLE && !connected(t->engine)) {
		if (t->step == STEP_REMOVE) {
			t->step = STEP_NONE;
			service_removed(t->service);
		} else if (t->failing) {
			start_failed(t);
		} else if (t->engine->engine.supervisor->stopping && t->ended) {
			exited(t);
		} else if (t->step == STEP_WAIT) {
			shim_ask(t);
		}
		return;
	}
	switch (t->step) {
	case STEP_NONE:
	case STEP_QUEUED:
		break;
	case STEP_ADOPT:
		adopt_done(t, status);
		break;
	case STEP_CONTAINER:
		container_done(t, status, message);
		break;
	case STEP_TASK:
		task_done(t, status, message);
		break;
	case STEP_START:
		if (status == GRPC_OK)
			running(t);
		else
			refused(t, message);
		break;
	case STEP_CLEAN_KILL:
		/* A task that its shim knows nothing of has nothing to wait for, but is there. */
		step_begin(t, status == GRPC_NOT_FOUND ? STEP_CLEAN_TASK : STEP_CLEAN_WAIT);
		break;
	case STEP_CLEAN_WAIT:
		step_begin(t, STEP_CLEAN_TASK);
		break;
	case STEP_CLEAN_TASK:
		step_begin(t, STEP_CLEAN_CONTAINER);
		break;
	case STEP_CLEAN_CONTAINER:
		cleaned(t, status, message);
		break;
	case STEP_WAIT:
		if (status == GRPC_OK)
			t->code = containerd_exit_code(c);
		step_begin(t, STEP_DELETE);
		break;
	case STEP_DELETE:
		exited(t);
		break;
	case STEP_REMOVE:
		t->step = STEP_NONE;
		service_removed(t->service);
		break;
	}
}

/* --- the connection --------------------------------------------------------------------------------------------- */

static void oom_message(struct grpc_call *call, const uint8_t *data, size_t len)
{
	struct rpc_call *c = call->data;
	struct containerd *e = c->data;
	_cleanup_free_ char *id = NULL, *ns = NULL;
	const struct service *s;

	if (!containerd_oom_event(data, len, &id, &ns))
		return;
	s = supervisor_find(e->engine.supervisor, id);
	if (s && s->engine == &e->engine)
		log_error("%s: out of memory: a process was killed", id);
}

static void oom_done(struct rpc_call *c, enum grpc_status status, const char *message)
{
	(void)c;
	(void)status;
	log_debug("events: %s", message); /* with the next connection they come again */
}

static void stale_next(struct containerd *e);

static void stale_done(struct rpc_call *c, enum grpc_status status, const char *message)
{
	struct containerd *e = c->data;

	if (status != GRPC_OK)
		log_debug("delete of a container that is no service: %s", message);
	stale_next(e);
}

/* Containers of services that an earlier image had; only metadata, their tasks went with that boot. */
static void stale_next(struct containerd *e)
{
	char *name;

	while (connected(e) && e->stale_names && (name = e->stale_names[0])) {
		memmove(e->stale_names, e->stale_names + 1, strv_len(e->stale_names) * sizeof(char *));
		if (supervisor_find(e->engine.supervisor, name)) {
			free(name);
			continue;
		}
		log_info("forgetting %s, which is no service any more", name);
		e->stale.done = stale_done;
		containerd_container_delete(e->rpc, &e->stale, e->namespace, name);
		free(name);
		return;
	}
}

static void list_done(struct rpc_call *c, enum grpc_status status, const char *message)
{
	struct containerd *e = c->data;

	(void)message;
	strv_free(e->stale_names);
	e->stale_names = status == GRPC_OK ? containerd_container_names(c) : NULL;
	stale_next(e);
}

static void settled(struct loop_timer *timer)
{
	struct containerd *e = timer->data;

	if (!connected(e))
		return;
	if (!grpc_call_active(&e->events.call)) {
		e->events.done = oom_done;
		e->events.data = e;
		containerd_oom_subscribe(e->rpc, &e->events, oom_message);
	}
	if (!e->swept && e->owned && e->engine.supervisor->first) {
		e->swept = true;
		e->stale.done = list_done;
		e->stale.data = e;
		containerd_container_list(e->rpc, &e->stale, e->namespace);
	}
}

static void connection_close(struct containerd *e)
{
	struct rpc *r = e->rpc;

	pulse_end(&e->pulse);
	e->rpc = NULL;
	rpc_free(r);
}

static void connection_lost(void *data)
{
	struct containerd *e = data;

	connection_close(e);
	daemon_lost(e->daemon);
}

static void silent(void *data)
{
	struct containerd *e = data;

	daemon_silent(e->daemon);
	connection_lost(e);
}

static void start_now(struct engine_task *t)
{
	if (t->adopting)
		step_begin(t, STEP_ADOPT);
	else
		step_begin(t, t->container ? STEP_TASK : STEP_CONTAINER);
}

/* What was under way when the connection broke, and what came since. */
static void resume(struct engine_task *t)
{
	t->cleaned = t->unbundled = false;
	switch (t->step) {
	case STEP_NONE:
		if (t->ended && t->pid)
			step_begin(t, STEP_WAIT);
		break;
	case STEP_QUEUED:
		start_now(t);
		break;
	case STEP_TASK:
	case STEP_START:
		/* Nobody knows how far it came: away with it. */
		process_forget(t);
		step_begin(t, STEP_CLEAN_KILL);
		break;
	default:
		step_begin(t, t->step);
	}
}

/* containerd removes a task's folder under a name with a dot in front. One that was killed in between leaves that name
 * behind, passes over it ever after, and cannot remove a later task of the service, whose folder would get the same. */
static void removed_clear(const char *tasks)
{
	_cleanup_strv_ char **spaces = dir_names(AT_FDCWD, tasks, false, NULL);

	for (char **space = spaces; space && *space; space++) {
		_cleanup_free_ char *dir = str_format("%s/%s", tasks, *space);
		_cleanup_strv_ char **names = dir ? dir_names(AT_FDCWD, dir, true, NULL) : NULL;

		for (char **name = names; name && *name; name++) {
			_cleanup_free_ char *left = **name == '.' ? str_format("%s/%s", dir, *name) : NULL;
			_cleanup_free_ char *rootfs = left ? str_format("%s/rootfs", left) : NULL;

			if (!rootfs)
				continue;
			umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW);
			dir_remove(left, NULL);
		}
	}
}

static void daemon_starting(void *data)
{
	const struct containerd *e = data;

	removed_clear(e->state);
	removed_clear(TASKS_KEPT);
}

static void daemon_up(void *data)
{
	struct containerd *e = data;
	struct supervisor *v = e->engine.supervisor;
	_cleanup_error_ struct error err = { 0 };
	size_t i;

	if (e->rpc)
		return;
	e->rpc = rpc_connect(v->loop, e->socket, connection_lost, e, &err);
	if (!e->rpc) {
		log_error("%s", error_text(&err));
		daemon_lost(e->daemon);
		return;
	}
	for (i = 0; i < v->count; i++)
		if (v->services[i]->engine == &e->engine && v->services[i]->task)
			resume(v->services[i]->task);
	pulse_begin(&e->pulse, v->loop, e->rpc, daemon_patience(e->daemon));
	loop_timer_after(v->loop, &e->settle, SETTLE_US, NULL);
}

static void daemon_gone(void *data)
{
	struct containerd *e = data;

	engine_gone(&e->engine);
}

/* --- the engine's calls ----------------------------------------------------------------------------------------- */

static struct engine_task *task_of(struct containerd *e, struct service *s, struct error *err)
{
	struct engine_task *t = s->task;

	if (t)
		return t;
	t = s->task = calloc(1, sizeof(*t));
	if (!t) {
		error_set(err, ENOMEM, "%s", s->name);
		return NULL;
	}
	*t = (struct engine_task){ .engine = e, .service = s, .process.fd = -1 };
	return t;
}

static void task_begin(struct engine *engine, struct service *s, bool adopting)
{
	struct containerd *e = (struct containerd *)engine;
	_cleanup_error_ struct error err = { 0 };
	struct engine_task *t = task_of(e, s, &err);

	if (!t) {
		service_start_failed(s, &err);
		return;
	}
	t->cleaned = t->unbundled = t->failing = t->ended = false;
	t->adopting = adopting;
	t->code = -1;
	t->step = STEP_QUEUED;
	if (connected(e))
		start_now(t);
}

static void containerd_start(struct engine *engine, struct service *s)
{
	task_begin(engine, s, false);
}

static void containerd_adopt(struct engine *engine, struct service *s)
{
	task_begin(engine, s, true);
}

static void kill_done(struct rpc_call *c, enum grpc_status status, const char *message)
{
	(void)c;
	(void)status;
	(void)message; /* the first process was sent the signal by pidfd, too */
}

static void give_up(struct engine_task *t)
{
	_cleanup_error_ struct error err = { 0 };

	error_set(&err, 0, "given up");
	rpc_cancel(&t->call);
	if (t->failing || !connected(t->engine)) { /* the second time, or nobody to ask */
		if (t->process.fd >= 0)
			process_signal(t->process.fd, SIGKILL, NULL); /* it may have been started */
		error_move(&t->why, &err);
		start_failed(t);
	} else {
		fail(t, &err);
	}
}

static void containerd_kill(struct engine *engine, struct service *s, int signo)
{
	struct containerd *e = (struct containerd *)engine;
	struct engine_task *t = s->task;

	if (t->ended && e->engine.supervisor->stopping && !connected(e)) {
		rpc_cancel(&t->call);
		exited(t); /* nobody is there to say how */
		return;
	}
	if (t->step == STEP_WAIT || t->step == STEP_DELETE || t->step == STEP_REMOVE)
		return; /* it has ended */
	if (t->adopting && !(e->engine.supervisor->stopping && !connected(e)))
		return; /* once it is known where it stands, it is stopped */
	if (t->step != STEP_NONE) {
		give_up(t);
		return;
	}
	if (t->process.fd >= 0)
		process_signal(t->process.fd, signo, NULL); /* gone already: its end is on the way */
	if (signo == SIGKILL && !s->bundle.config.own_pid_namespace && connected(e) &&
	    !grpc_call_active(&t->kill_call.call)) {
		t->kill_call.done = kill_done;
		containerd_task_kill(e->rpc, &t->kill_call, namespace_of(t), s->name, SIGKILL);
	}
}

static void exec_done(struct containerd_exec *x, int code)
{
	struct engine_task *t = x->data;

	t->exec_done(t->service, code);
}

static int containerd_exec(struct engine *engine, struct service *s, char *const *argv, engine_exec_fn *done,
			   struct error *err)
{
	struct containerd *e = (struct containerd *)engine;
	struct engine_task *t = s->task;
	_cleanup_free_ char *path = str_format("%s/config.json", s->bundle.path), *process = NULL;
	_cleanup_buf_ struct buf json = { 0 };

	if (!path || !connected(e))
		return error_set(err, path ? ENOTCONN : ENOMEM, "%s", s->name);
	if (file_read(path, OCI_FILE_MAX, &json, err) < 0)
		return -1;
	process = oci_config_process(json.data, json.len, argv, err);
	if (!process)
		return -1;
	t->exec_done = done;
	t->exec.rpc = &e->rpc;
	t->exec.ns = namespace_of(t);
	t->exec.id = s->name;
	t->exec.done = exec_done;
	t->exec.data = t;
	containerd_exec_run(&t->exec, process);
	return 0;
}

static void containerd_remove(struct engine *engine, struct service *s)
{
	struct containerd *e = (struct containerd *)engine;
	/* What the supervisor before this one made, and this one never started, is not known for certain. */
	bool there = s->task ? s->task->container : !e->engine.supervisor->first;
	struct engine_task *t = there ? task_of(e, s, NULL) : s->task;

	there &= t != NULL;
	if (t)
		t->container = false;
	if (there && connected(e))
		step_begin(t, STEP_REMOVE);
	else
		service_removed(s);
}

static void containerd_detach(struct engine *engine, struct service *s)
{
	struct engine_task *t = s->task;

	(void)engine;
	s->task = NULL;
	rpc_cancel(&t->call);
	rpc_cancel(&t->kill_call);
	containerd_exec_cancel(&t->exec);
	process_forget(t);
	shim_wait_cancel(&t->shim);
	error_clear(&t->why);
	free(t);
}

static void containerd_shutdown(struct engine *engine)
{
	struct containerd *e = (struct containerd *)engine;

	connection_close(e);
	daemon_stop(e->daemon);
}

static void containerd_free(struct engine *engine)
{
	struct containerd *e = (struct containerd *)engine;

	rpc_cancel(&e->events);
	rpc_cancel(&e->stale);
	connection_close(e);
	loop_timer_disarm(&e->settle);
	daemon_free(e->daemon);
	free(e->socket);
	strv_free(e->stale_names);
	free(e);
}

struct engine *engine_containerd(struct supervisor *v, const struct containerd_options *o, struct error *err)
{
	static const struct engine_ops ops = {
		.name = "containerd",
		.start = containerd_start,
		.adopt = containerd_adopt,
		.kill = containerd_kill,
		.exec = containerd_exec,
		.remove = containerd_remove,
		.detach = containerd_detach,
		.shutdown = containerd_shutdown,
		.free = containerd_free,
	};
	struct containerd *e = calloc(1, sizeof(*e));
	struct daemon_callbacks callbacks = {
		.starting = daemon_starting, .up = daemon_up, .gone = daemon_gone, .data = e
	};

	if (!e) {
		error_set(err, ENOMEM, "engine");
		return NULL;
	}
	*e = (struct containerd){ .engine = { .ops = &ops, .supervisor = v },
				  .socket = strdup(o->socket),
				  .namespace = o->namespace,
				  .state = o->state,
				  .owned = o->program != NULL };
	e->engine.socket = e->socket;
	e->settle = (struct loop_timer){ .fn = settled, .data = e };
	e->pulse.silent = silent;
	e->pulse.data = e;
	if (!e->socket)
		error_set(err, ENOMEM, "%s", o->socket);
	else
		e->daemon = daemon_new(v->loop, o->program, e->socket, o->settings, v->logs, &callbacks, err);
	if (!e->daemon) {
		free(e->socket);
		free(e);
		return NULL;
	}
	return &e->engine;
}
