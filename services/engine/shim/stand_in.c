#include "stand_in_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "runc_options.pb-c.h"
#include "spawn.h"
#include "str.h"
#include "task_service.pb-c.h"

/* Fields of a message have these names, and C libraries may have macros of the same. */
#undef stdout
#undef stderr

enum {
	SAID_MAX = 4096,
	DELETE_US = 30 * 1000 * 1000, /* for a runtime that takes long */
	SHUTDOWN_US = 2 * 1000 * 1000,
};

#define OPTIONS_TYPE "containerd.runc.v1.Options"

extern char **environ;

/* --- a call's life ---------------------------------------------------------------------------------------------- */

static void call_clear(struct stand_in_call *c)
{
	shim_call_cancel(&c->shim);
	exit_watch_remove(&c->child);
	for (size_t i = 0; c->at && i < array_len(c->said); i++) {
		cleanup_close(&c->said[i]);
		c->said[i] = -1;
	}
	free(c->bundle);
	free(c->namespace);
	free(c->id);
	free(c->stdout_path);
	free(c->stderr_path);
	c->bundle = c->namespace = c->id = c->stdout_path = c->stderr_path = NULL;
	c->at = NULL;
}

void stand_in_finish(struct stand_in_call *c, enum grpc_status status, const char *message)
{
	call_clear(c);
	c->done(c, status, message);
}

static void call_fail(struct stand_in_call *c, enum grpc_status status, const struct error *why)
{
	_cleanup_free_ char *text = strdup(error_text(why));

	stand_in_finish(c, status, text ? text : "no memory");
}

int stand_in_begin(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id)
{
	c->pid = 0;
	c->code = -1;
	c->task = STAND_IN_NONE;
	c->said[0] = c->said[1] = -1;
	c->at = at;
	c->bundle = str_format("%s/%s/%s", at->place.state, namespace, id);
	c->namespace = strdup(namespace);
	c->id = strdup(id);
	if (c->bundle && c->namespace && c->id)
		return 0;
	stand_in_finish(c, GRPC_RESOURCE_EXHAUSTED, "no memory");
	return -1;
}

void stand_in_cancel(struct stand_in_call *c)
{
	if (exit_watch_active(&c->child))
		kill(c->child.pid, SIGKILL);
	call_clear(c);
}

bool stand_in_active(const struct stand_in_call *c)
{
	return c->at != NULL;
}

/* --- calls of the shim ------------------------------------------------------------------------------------------ */

static void shim_answered(struct shim_call *shim, enum grpc_status status, const uint8_t *payload, size_t n,
			  const char *message)
{
	struct stand_in_call *c = shim->data;

	c->next(c, status, payload, n, message);
}

bool stand_in_ask(struct stand_in_call *c, const char *method, const ProtobufCMessage *request, uint64_t limit_us,
		  stand_in_next_fn *next)
{
	c->next = next;
	c->shim.done = shim_answered;
	c->shim.data = c;
	return shim_call_begin(&c->shim, c->at->loop, c->bundle, method, request, limit_us) == 0;
}

/* --- the shim's program ----------------------------------------------------------------------------------------- */

/* What the shim's program has written, the last line of it for people. */
static void said_read(int fd, struct buf *out)
{
	uint8_t *room = buf_reserve(out, SAID_MAX);
	ssize_t n = room ? io_pread(fd, room, SAID_MAX, 0) : -1;

	if (n > 0)
		buf_commit(out, (size_t)n);
}

static void child_ended(struct exit_watch *watch, int status)
{
	struct stand_in_call *c = watch->data;

	c->ended(c, status);
}

/* Without MAX_SHIM_VERSION the answer has the form that every containerd knows. */
static char **program_env(const struct stand_in *at, const char *namespace)
{
	_cleanup_strv_ char **env = strv_copy(environ);

	if (!env || strv_addf(&env, "TTRPC_ADDRESS=%s", at->ttrpc) < 0 ||
	    strv_addf(&env, "GRPC_ADDRESS=%s", at->address) < 0 || strv_addf(&env, "NAMESPACE=%s", namespace) < 0)
		return NULL;
	return steal_ptr(&env);
}

static int program_run(struct stand_in_call *c, const char *action, void (*ended)(struct stand_in_call *c, int status),
		       struct error *err)
{
	const char *const argv[] = { c->at->place.shim,
				     "-namespace",
				     c->namespace,
				     "-address",
				     c->at->address,
				     "-publish-binary",
				     c->at->containerd,
				     "-id",
				     c->id,
				     "-bundle",
				     c->bundle,
				     action,
				     NULL };
	_cleanup_strv_ char **env = program_env(c->at, c->namespace);
	struct spawn_fd fds[2];
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		c->said[i] = memfd_create("shim", MFD_CLOEXEC);
		fds[i] = (struct spawn_fd){ c->said[i], i + 1 };
		if (c->said[i] < 0)
			return error_set(err, errno, "shim");
	}
	if (!env)
		return error_set(err, ENOMEM, "shim");
	pid = spawn(&(struct spawn){ .path = c->at->place.shim,
				     .argv = (char *const *)(uintptr_t)argv,
				     .env = env,
				     .cwd = c->bundle,
				     .fds = fds,
				     .fd_count = 2 },
		    err);
	if (pid < 0)
		return -1;
	c->ended = ended;
	c->child = (struct exit_watch){ .fn = child_ended, .data = c };
	if (exit_watch_add(c->at->reaper, &c->child, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	return 0;
}

/* --- create ----------------------------------------------------------------------------------------------------- */

static void create_answered(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			    const char *message)
{
	Containerd__Task__V2__CreateTaskResponse *m =
		status == GRPC_OK ? containerd__task__v2__create_task_response__unpack(NULL, n, payload) : NULL;

	if (m) {
		c->pid = stand_in_pid(m->pid);
		containerd__task__v2__create_task_response__free_unpacked(m, NULL);
	}
	stand_in_finish(c, status, message);
}

static void create_ask(struct stand_in_call *c)
{
	Containerd__Task__V2__CreateTaskRequest request = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Runc__V1__Options options = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	_cleanup_free_ uint8_t *packed = NULL;

	request.id = c->id;
	request.bundle = c->bundle;
	request.stdout = c->stdout_path;
	request.stderr = c->stderr_path;
	if (c->at->runtime) {
		options.binary_name = stand_in_text(c->at->runtime);
		packed = malloc(containerd__runc__v1__options__get_packed_size(&options));
		if (!packed) {
			stand_in_finish(c, GRPC_RESOURCE_EXHAUSTED, "no memory");
			return;
		}
		any.type_url = stand_in_text(OPTIONS_TYPE);
		any.value = (ProtobufCBinaryData){ .data = packed,
						   .len = containerd__runc__v1__options__pack(&options, packed) };
		request.options = &any;
	}
	if (!stand_in_ask(c, "Create", &request.base, 0, create_answered))
		stand_in_finish(c, GRPC_UNKNOWN, "the shim that was just started does not listen");
}

static void start_ended(struct stand_in_call *c, int status)
{
	_cleanup_buf_ struct buf answer = { 0 }, words = { 0 };
	_cleanup_error_ struct error err = { 0 };

	said_read(c->said[0], &answer);
	said_read(c->said[1], &words);
	if (status != 0) {
		error_set(&err, 0, "shim: %s: %s", spawn_status_text(status), buf_text(&words));
		call_fail(c, GRPC_UNKNOWN, &err);
	} else if (task_bundle_answer(c->bundle, &answer, &err) < 0) {
		call_fail(c, GRPC_UNKNOWN, &err);
	} else {
		create_ask(c);
	}
}

void stand_in_create(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id,
		     const char *spec, const char *out, const char *err_path)
{
	_cleanup_error_ struct error err = { 0 };

	if (stand_in_begin(at, c, namespace, id) < 0)
		return;
	c->stdout_path = strdup(out);
	c->stderr_path = strdup(err_path);
	if (!c->stdout_path || !c->stderr_path)
		stand_in_finish(c, GRPC_RESOURCE_EXHAUSTED, "no memory");
	else if (task_bundle_make(&at->place, namespace, id, spec, &err) < 0)
		call_fail(c, err.code == EEXIST ? GRPC_ALREADY_EXISTS : GRPC_UNKNOWN, &err);
	else if (program_run(c, "start", start_ended, &err) < 0)
		call_fail(c, GRPC_UNKNOWN, &err);
}

/* --- delete ----------------------------------------------------------------------------------------------------- */

static void bundle_end(struct stand_in_call *c)
{
	_cleanup_error_ struct error err = { 0 };

	if (task_bundle_remove(&c->at->place, c->namespace, c->id, &err) < 0)
		call_fail(c, GRPC_UNKNOWN, &err);
	else
		stand_in_finish(c, GRPC_OK, NULL);
}

static void cleanup_ended(struct stand_in_call *c, int status)
{
	_cleanup_buf_ struct buf words = { 0 };

	said_read(c->said[1], &words);
	if (status != 0)
		log_warn("%s: shim delete: %s: %s", c->id, spawn_status_text(status), buf_text(&words));
	bundle_end(c);
}

/* Nobody answers for it: what is left of it is ended and removed. */
static void task_clean(struct stand_in_call *c)
{
	_cleanup_error_ struct error err = { 0 };

	if (program_run(c, "delete", cleanup_ended, &err) == 0)
		return;
	log_warn("%s: %s", c->id, error_text(&err));
	bundle_end(c);
}

static void shutdown_answered(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			      const char *message)
{
	(void)payload;
	(void)n;
	(void)message;
	if (status == GRPC_DEADLINE_EXCEEDED)
		task_clean(c);
	else
		bundle_end(c); /* a shim that goes without a word has gone */
}

static void delete_answered(struct stand_in_call *c, enum grpc_status status, const uint8_t *payload, size_t n,
			    const char *message)
{
	Containerd__Task__V2__ShutdownRequest request = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	(void)payload;
	(void)n;
	(void)message;
	request.id = c->id;
	if ((status != GRPC_OK && status != GRPC_NOT_FOUND) ||
	    !stand_in_ask(c, "Shutdown", &request.base, SHUTDOWN_US, shutdown_answered))
		task_clean(c);
}

void stand_in_delete(const struct stand_in *at, struct stand_in_call *c, const char *namespace, const char *id)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;

	request.id = stand_in_text(id);
	if (stand_in_begin(at, c, namespace, id) < 0)
		return;
	if (access(c->bundle, F_OK) < 0)
		stand_in_finish(c, GRPC_NOT_FOUND, "there is no such task");
	else if (!stand_in_ask(c, "Delete", &request.base, DELETE_US, delete_answered))
		task_clean(c);
}
