#include "launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"
#include "beneath.h"
#include "io.h"
#include "jsonr.h"
#include "oci.h"
#include "process_spec.h"
#include "runtime.h"
#include "spawn.h"
#include "str.h"
#include "user.h"

extern char **environ;

enum { IN, OUT, ERR, STATE_MAX = 1 << 20, GUEST_ENV = 128, PID_MAX = 32 };

/* Where containerd's shims keep the runtime's state, a folder a namespace; and the runtimes' own places. */
#define SHIM_ROOTS "/run/containerd/runc"

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void launch_init(struct launch *l)
{
	*l = (struct launch){ .output = -1 };
	ptysock_init(&l->console);
	for (int i = 0; i < 3; i++)
		l->ends[i] = l->child[i] = -1;
}

void launch_clear(struct launch *l)
{
	job_drop(&l->job);
	ptysock_close(&l->console);
	for (int i = 0; i < 3; i++) {
		fd_close(&l->ends[i]);
		fd_close(&l->child[i]);
	}
	fd_close(&l->output);
	if (l->pid_file)
		unlink(l->pid_file); /* may not be there */
	free(l->pid_file);
	free(l->root);
	launch_init(l);
}

static void failed(struct launch *l, int status, struct error *why)
{
	l->done(l, why, status);
}

/* --- streams ------------------------------------------------------------------------------------------------------ */

static int pipes_make(struct launch *l, struct error *err)
{
	for (int i = 0; i < 3; i++) {
		int fds[2], child = i == IN ? 0 : 1;

		if (pipe2(fds, O_CLOEXEC) < 0)
			return error_set(err, errno, "pipe");
		l->child[i] = fds[child];
		l->ends[i] = fds[!child];
		if (io_nonblock(l->ends[i]) < 0)
			return error_set(err, errno, "pipe");
	}
	return 0;
}

/* Two descriptors of one terminal: the loop watches each of them for one direction. */
static int master_take(struct launch *l, int master, struct error *err)
{
	struct winsize size = { .ws_row = l->request->rows, .ws_col = l->request->columns };

	l->ends[IN] = master;
	l->ends[OUT] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (l->ends[OUT] < 0 || io_nonblock(master) < 0)
		return error_set(err, errno, "terminal");
	if (size.ws_row && size.ws_col && ioctl(master, TIOCSWINSZ, &size) < 0)
		return error_set(err, errno, "terminal's size");
	return 0;
}

static void children_close(struct launch *l)
{
	for (int i = 0; i < 3; i++)
		fd_close(&l->child[i]);
}

/* --- in the guest itself ------------------------------------------------------------------------------------------ */

static bool env_names(char *const *env, const char *variable)
{
	size_t n = strcspn(variable, "=");

	for (; env && *env; env++)
		if (strncmp(*env, variable, n) == 0 && (*env)[n] == '=')
			return true;
	return false;
}

/* Ours, with what was asked for in its place or beside it. */
static char **guest_env(const struct agent_request *r)
{
	static const char *const defaults[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root" };
	_cleanup_strv_ char **env = strv_copy(r->env);
	size_t i;

	for (i = 0; env && environ[i] && i < GUEST_ENV; i++)
		if (!env_names(r->env, environ[i]) && !str_starts(environ[i], "HOME=") &&
		    strv_add(&env, environ[i]) < 0)
			return NULL;
	for (i = 0; env && i < array_len(defaults); i++)
		if (!env_names(env, defaults[i]) && strv_add(&env, defaults[i]) < 0)
			return NULL;
	return steal_ptr(&env);
}

static int terminal_open(struct launch *l, int *slave, struct error *err)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];

	if (master < 0)
		return error_set(err, errno, "terminal");
	if (master_take(l, master, err) < 0)
		return -1;
	if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof(name)) != 0)
		return error_set(err, errno, "terminal");
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return *slave < 0 ? error_set(err, errno, "%s", name) : 0;
}

static int guest_spawn(struct launch *l, char **env, struct error *err)
{
	const struct agent_request *r = l->request;
	struct spawn_fd fds[3];
	struct spawn s = { .path = r->args[0],
			   .argv = r->args,
			   .env = env,
			   .cwd = r->workdir,
			   .fds = fds,
			   .fd_count = 3,
			   .new_session = true,
			   .plain_oom_score = true,
			   .controlling_tty = r->terminal ? 1 : 0 };

	for (int i = 0; i < 3; i++)
		fds[i] = (struct spawn_fd){ l->child[r->terminal ? IN : i], i };
	return spawn(&s, err);
}

static void guest_start(struct launch *l)
{
	_cleanup_strv_ char **env = guest_env(l->request);
	_cleanup_error_ struct error e = { 0 };
	int status = 1;

	if (!env)
		error_set(&e, ENOMEM, "environment");
	else if (l->request->user)
		error_set(&e, 0, "a user can be asked for in a service only");
	else if ((l->request->terminal ? terminal_open(l, &l->child[IN], &e) : pipes_make(l, &e)) == 0) {
		l->pid = guest_spawn(l, env, &e);
		if (l->pid > 0) {
			children_close(l);
			l->done(l, NULL, 0);
			return;
		}
		status = e.code == ENOENT ? 127 : 126;
	}
	l->pid = 0;
	failed(l, status, &e);
}

/* --- in a container ----------------------------------------------------------------------------------------------- */

static bool root_has(const char *root, const char *id)
{
	_cleanup_free_ char *path = str_format("%s/%s", root, id);

	return path && access(path, F_OK) == 0;
}

/* The runtime's state directory that knows the container. */
static char *root_find(const char *id)
{
	static const char *const places[] = { SHIM_ROOTS "/services.linuxkit", "/run/runc", "/run/crun" };
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	size_t i;

	for (i = 0; i < array_len(places); i++)
		if (root_has(places[i], id))
			return strdup(places[i]);
	dir = opendir(SHIM_ROOTS);
	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *root = str_format(SHIM_ROOTS "/%s", entry->d_name);

		if (entry->d_name[0] != '.' && root && root_has(root, id))
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

static int pid_read(const char *path, pid_t *out, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int dir = beneath_machine_dir(AGENT_RUN_DIR, 0, err);
	_cleanup_buf_ struct buf text = { 0 };
	uint64_t pid;

	if (dir < 0 || beneath_read(dir, strrchr(path, '/') + 1, PID_MAX, &want, &text, err) < 0)
		return -1;
	buf_truncate(&text, strcspn(buf_text(&text), "\n"));
	if (str_to_u64(buf_text(&text), INT32_MAX, &pid) < 0 || pid == 0)
		return error_set(err, EPROTO, "%s", path);
	*out = (pid_t)pid;
	return 0;
}

static void started(struct launch *l)
{
	_cleanup_error_ struct error e = { 0 };

	if (pid_read(l->pid_file, &l->pid, &e) == 0)
		l->done(l, NULL, 0);
	else
		failed(l, 126, &e);
}

static void console_came(struct ptysock *console, int master, const struct error *err)
{
	struct launch *l = console->data;
	_cleanup_error_ struct error e = { 0 };

	if (err)
		error_set(&e, 0, "%s", error_text(err));
	else if (master_take(l, master, &e) == 0) {
		started(l);
		return;
	}
	failed(l, 126, &e);
}

static void exec_done(struct job *job)
{
	struct launch *l = job->data;
	_cleanup_error_ struct error e = { 0 };

	children_close(l);
	if (!job_succeeded(job)) {
		job_error(job, l->request->args[0], &e);
		failed(l, status_of(error_text(&e)), &e);
	} else if (l->request->terminal) {
		ptysock_wait(&l->console, console_came, l);
	} else {
		started(l);
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
		if (*user.home && !env_names(env, "HOME") && strv_addf(&env, "HOME=%s", user.home) < 0)
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
		if (pipes_make(l, err) < 0)
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
	failed(l, 1, &e);
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

static int container_start(struct launch *l, struct error *err)
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

void launch_start(struct launch *l, struct agent *a, const struct agent_request *request, launch_fn *done)
{
	_cleanup_error_ struct error e = { 0 };

	l->agent = a;
	l->request = request;
	l->done = done;
	l->job.data = l;
	if (!request->service)
		guest_start(l);
	else if (container_start(l, &e) < 0)
		failed(l, 1, &e);
}
