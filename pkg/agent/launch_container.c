/* In a container, by the OCI runtime, each step when the one before has ended:
 *
 *   container_start  finds the runtime's state directory that knows the container
 *     -> state_start, state_done   `state`: its first process and its bundle
 *       -> exec_start, exec_done   `exec --detach`: the container's own process settings, changed
 *         -> console_came          with a terminal: its master arrives on a socket
 *           -> exec_started        the process's number is in a file: the launch is done */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"
#include "io.h"
#include "jsonr.h"
#include "launch_private.h"
#include "oci_file.h"
#include "pid_file.h"
#include "process_spec.h"
#include "runtime.h"
#include "str.h"
#include "user.h"

enum { STATE_MAX = 1 << 20 };

/* Where containerd's shims keep the runtime's state, a folder a namespace; and the runtimes' own places. */
#define SHIM_ROOTS "/run/containerd/runc"

static bool root_has(const char *root, const char *id)
{
	_cleanup_free_ char *path = str_format("%s/%s", root, id);

	return path && access(path, F_OK) == 0;
}

/* The runtime's state directory that knows the container. */
static char *root_find(const char *id)
{
	static const char *const places[] = { SHIM_ROOTS "/services.linuxkit", "/run/runc", "/run/crun" };
	_cleanup_strv_ char **names = NULL;

	for (size_t i = 0; i < array_len(places); i++)
		if (root_has(places[i], id))
			return strdup(places[i]);
	names = dir_names(AT_FDCWD, SHIM_ROOTS, false, NULL);
	for (char **name = names; name && *name; name++) {
		_cleanup_free_ char *root = str_format(SHIM_ROOTS "/%s", *name);

		if (root && root_has(root, id))
			return steal_ptr(&root);
	}
	return NULL;
}

static struct runtime runtime_of(const struct launch *l)
{
	return (struct runtime){ .path = l->agent->runtime, .root = l->root, .log = JOB_LOG_PATH };
}

/* As docker has it. */
static int status_of(const char *reason)
{
	static const char *const missing[] = { "executable file not found", "no such file or directory",
					       "No such file or directory" };

	for (size_t i = 0; i < array_len(missing); i++)
		if (strstr(reason, missing[i]))
			return 127;
	return 126;
}

static void exec_started(struct launch *l)
{
	_cleanup_error_ struct error e = { 0 };

	if (pid_file_read_machine(AGENT_RUN_DIR, strrchr(l->pid_file, '/') + 1, &l->pid, &e) == 0)
		l->done(l, NULL, 0);
	else
		launch_fail(l, 126, &e);
}

static void console_came(struct ptysock *console, int master, const struct error *err)
{
	struct launch *l = console->data;
	_cleanup_error_ struct error e = { 0 };

	if (err)
		error_set(&e, 0, "%s", error_text(err));
	else if (launch_master(l, master, &e) == 0) {
		exec_started(l);
		return;
	}
	launch_fail(l, 126, &e);
}

static void exec_done(struct job *job)
{
	struct launch *l = job->data;
	_cleanup_error_ struct error e = { 0 };

	launch_children_close(l);
	if (!job_succeeded(job)) {
		job_error(job, l->request->args[0], &e);
		launch_fail(l, status_of(error_text(&e)), &e);
	} else if (l->request->terminal) {
		ptysock_wait(&l->console, console_came, l);
	} else {
		exec_started(l);
	}
}

/* The new process's settings, in memory. */
static int process_file(const struct launch *l, pid_t pid, const char *bundle, struct error *err)
{
	const struct agent_request *r = l->request;
	_cleanup_free_ char *path = str_format("%s/config.json", bundle), *home = NULL;
	_cleanup_close_ int fd = memfd_create("process", MFD_CLOEXEC);
	_cleanup_buf_ struct buf config = { 0 }, text = { 0 };
	_cleanup_strv_ char **env = strv_copy(r->env);
	struct process_change change = { .args = r->args, .cwd = r->workdir, .terminal = r->terminal };
	struct user user = { 0 };

	if (!path || !env || fd < 0)
		return error_set(err, fd < 0 ? errno : ENOMEM, "settings of the process");
	if (r->user) {
		if (user_find(pid, r->user, &user, err) < 0)
			return -1;
		change.user = true;
		change.uid = user.uid;
		change.gid = user.gid;
		change.groups = user.groups;
		change.group_count = user.group_count;
		if (*user.home && !launch_env_names(env, "HOME") && strv_addf(&env, "HOME=%s", user.home) < 0)
			return error_set(err, ENOMEM, "environment");
	}
	change.env = env;
	if (file_read(path, OCI_FILE_MAX, &config, err) < 0)
		return -1;
	if (process_spec_make(buf_text(&config), config.len, &change, &text, err) < 0)
		return error_wrap(err, "%s", path);
	if (io_write(fd, buf_bytes(&text), text.len) < 0)
		return error_set(err, errno, "settings of the process");
	return steal_fd(&fd);
}

static char **exec_argv(struct launch *l)
{
	const struct runtime rt = runtime_of(l);
	_cleanup_strv_ char **argv =
		runtime_argv(&rt, "exec", "--detach", "--process", JOB_INPUT_PATH, "--pid-file", l->pid_file, NULL);

	if (!argv ||
	    (l->request->terminal &&
	     (strv_add(&argv, "--console-socket") < 0 || strv_add(&argv, ptysock_path(&l->console)) < 0)) ||
	    strv_add(&argv, l->request->service) < 0)
		return NULL;
	return steal_ptr(&argv);
}

static int exec_start(struct launch *l, pid_t pid, const char *bundle, struct error *err)
{
	struct agent *a = l->agent;
	_cleanup_free_ char *name = str_format("%u", a->number++);
	_cleanup_strv_ char **argv = NULL;
	_cleanup_close_ int process = process_file(l, pid, bundle, err);
	struct job_spec spec = { .input = process };

	l->pid_file = name ? str_format(AGENT_RUN_DIR "/%s.pid", name) : NULL;
	if (process < 0)
		return -1;
	if (!l->pid_file)
		return error_set(err, ENOMEM, "process");
	if (l->request->terminal) {
		if (ptysock_open(&l->console, a->loop, AGENT_RUN_DIR, name, err) < 0)
			return -1;
	} else {
		if (launch_pipes(l, err) < 0)
			return -1;
		spec.stdio = l->child;
	}
	l->console.data = l;
	argv = exec_argv(l);
	if (!argv)
		return error_set(err, ENOMEM, "process");
	spec.argv = argv;
	return job_start(&l->job, a->loop, &a->reaper, &spec, exec_done, err);
}

/* What `state` printed: {"status":"running","pid":N,"bundle":"..."}. */
static int state_read(const struct launch *l, pid_t *pid, char **bundle, struct error *err)
{
	_cleanup_free_ char *status = NULL;
	_cleanup_buf_ struct buf text = { 0 };
	char path[32];
	struct jsonr o, v;
	uint64_t n = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", l->output);
	if (file_read(path, STATE_MAX, &text, err) < 0 || jsonr_parse(buf_text(&text), text.len, &o, err) < 0)
		return error_wrap(err, "state of %s", l->request->service);
	v = jsonr_get(&o, "status");
	status = jsonr_text(&v);
	if (!status || !str_eq(status, "running"))
		return error_set(err, 0, "%s is not running (%s)", l->request->service, status ? status : "unknown");
	v = jsonr_get(&o, "bundle");
	*bundle = jsonr_text(&v);
	v = jsonr_get(&o, "pid");
	if (!*bundle || jsonr_u64(&v, &n) < 0 || n == 0 || n > INT32_MAX)
		return error_set(err, EPROTO, "state of %s", l->request->service);
	*pid = (pid_t)n;
	return 0;
}

static void state_done(struct job *job)
{
	struct launch *l = job->data;
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *bundle = NULL;
	pid_t pid = 0;

	if (!job_succeeded(job))
		job_error(job, l->request->service, &e);
	else if (state_read(l, &pid, &bundle, &e) == 0 && exec_start(l, pid, bundle, &e) == 0)
		return;
	launch_fail(l, 1, &e);
}

static int state_start(struct launch *l, struct error *err)
{
	const struct runtime rt = runtime_of(l);
	_cleanup_strv_ char **argv = runtime_argv(&rt, "state", l->request->service, NULL);
	int stdio[3] = { -1, -1, -1 };
	const struct job_spec spec = { .argv = argv, .stdio = stdio, .input = -1 };

	l->output = memfd_create("state", MFD_CLOEXEC);
	if (!argv || l->output < 0)
		return error_set(err, argv ? errno : ENOMEM, "state of %s", l->request->service);
	stdio[1] = l->output;
	return job_start(&l->job, l->agent->loop, &l->agent->reaper, &spec, state_done, err);
}

int container_start(struct launch *l, struct error *err)
{
	const char *name = l->request->service;

	if (!l->agent->runtime) {
		l->agent->runtime = runtime_find(err);
		if (!l->agent->runtime)
			return -1;
	}
	l->root = root_find(name);
	if (!l->root && root_has(l->agent->services, name))
		return error_set(err, 0, "service '%s' is not running", name);
	if (!l->root)
		return error_set(err, 0, "no service '%s' in this machine", name);
	return state_start(l, err);
}
