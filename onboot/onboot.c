#include "onboot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "beneath.h"
#include "cgroup.h"
#include "io.h"
#include "log.h"
#include "output.h"
#include "pid_file.h"
#include "policy.h"
#include "prepare.h"
#include "report.h"
#include "spawn.h"
#include "str.h"
#include "volumes.h"

#define RUN_DIR "/run/pith"

static char **bundle_names(const char *path, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	char **names = dir_names(AT_FDCWD, path, false, &why);

	if (names || why.code == ENOENT)
		return names ? names : calloc(1, sizeof(*names));
	error_move(err, &why);
	return NULL;
}

static int runtime_step(const struct onboot *o, char **argv, const struct runtime_stdio *io, struct error *err)
{
	int r = runtime_call(&o->runtime, argv, io, err);

	strv_free(argv);
	return r;
}

struct slow {
	const struct onboot *o;
	const char *name;
};

/* Whoever sits at the console learns what the machine waits for. */
static void slow_say(void *data, unsigned seconds)
{
	const struct slow *s = data;

	log_info("%s still runs after %u s: the %s waits for it", s->name, seconds,
		 s->o->shutdown ? "way down" : "boot");
}

/* The runtime stays until the container ends and takes it away itself: one call instead of three. */
static int run_whole(const struct onboot *o, const struct bundle *b, const char *name, struct output *out, int *status,
		     struct error *err)
{
	_cleanup_strv_ char **argv = runtime_argv(&o->runtime, "run", "--bundle", b->path, name, NULL);
	struct runtime_stdio io = { .in = -1, .out = out->out.give, .err = out->err.give };
	pid_t pid;

	if (!argv)
		return error_set(err, ENOMEM, "run");
	pid = runtime_spawn(&o->runtime, argv, &io, err);
	return pid < 0 ? -1 : output_wait(out, pid, slow_say, &(struct slow){ o, name }, status, err);
}

static int container_create(const struct onboot *o, const struct bundle *b, const char *name,
			    const struct runtime_stdio *io, pid_t *pid, struct error *err)
{
	_cleanup_free_ char *pidfile = str_format(RUN_DIR "/%s.pid", name);
	int r;

	if (!pidfile || dir_make(RUN_DIR, 0755, err) < 0)
		return -1;
	/* The container's first process becomes our child once the runtime has gone. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "become subreaper");
	r = runtime_step(o, runtime_argv(&o->runtime, "create", "--bundle", b->path, "--pid-file", pidfile, name, NULL),
			 io, err);
	if (r == 0 && pid_file_read_machine(RUN_DIR, strrchr(pidfile, '/') + 1, pid, err) < 0) {
		runtime_step(o, runtime_argv(&o->runtime, "delete", "--force", name, NULL), NULL, NULL);
		r = -1;
	}
	unlink(pidfile);
	return r;
}

/* Deleting a container without a PID namespace of its own would kill what it left running on purpose, such as a
 * daemon: it is kept then. */
static int delete (const struct onboot *o, const char *name, const char *cgroup, struct error *err)
{
	if (cgroup && cgroup_population(cgroup, NULL) > 0) {
		log_debug("%s: has left processes running", name);
		return 0;
	}
	return runtime_step(o, runtime_argv(&o->runtime, "delete", name, NULL), NULL, err);
}

static int run_in_steps(const struct onboot *o, const struct bundle *b, const char *name, struct output *out,
			int *status, struct error *err)
{
	struct runtime_stdio io = { .in = -1, .out = out->out.give, .err = out->err.give };
	_cleanup_free_ char *cgroup = NULL;
	pid_t pid = -1;

	log_debug("%s: creating", name);
	if (container_create(o, b, name, &io, &pid, err) < 0)
		return -1;
	if (!b->config.own_pid_namespace)
		cgroup = cgroup_of(pid, NULL);
	log_debug("%s: preparing process %d", name, (int)pid);
	if (prepare_process(b, pid, err) < 0 ||
	    runtime_step(o, runtime_argv(&o->runtime, "start", name, NULL), &io, err) < 0) {
		runtime_step(o, runtime_argv(&o->runtime, "delete", "--force", name, NULL), NULL, NULL);
		return -1;
	}
	log_debug("%s: waiting", name);
	if (output_wait(out, pid, slow_say, &(struct slow){ o, name }, status, err) < 0)
		return -1;
	return delete (o, name, cgroup, err);
}

/* Without a PID namespace of its own a container may leave processes that hold its streams: the runtime's run
 * would wait for those. */
static int run_prepared(const struct onboot *o, const struct bundle *b, const char *name, int logs, int *status,
			struct error *err)
{
	_cleanup_output_ struct output out;
	int r;

	if (output_open(&out, logs, o->kind, name, o->live, err) < 0)
		return -1;
	if (oci_runtime_splits_start(&b->runtime) || !b->config.own_pid_namespace)
		r = run_in_steps(o, b, name, &out, status, err);
	else
		r = run_whole(o, b, name, &out, status, err);
	output_end(&out);
	return r;
}

static int run_bundle(const struct onboot *o, const struct bundle *b, const char *name, int logs, int *status,
		      struct error *err)
{
	int r;

	log_debug("%s: from %s", name, b->path);
	if (prepare_filesystem(b, err) < 0)
		return -1;
	r = run_prepared(o, b, name, logs, status, err);
	prepare_undo(b);
	return r;
}

/* true: the boot must not go on. */
static bool failure_policy(const struct onboot *o, const struct bundle *b, const char *name)
{
	static const int signals[] = {
		[POLICY_ONFAIL_HALT] = SIGUSR1,
		[POLICY_ONFAIL_POWEROFF] = SIGUSR2,
		[POLICY_ONFAIL_REBOOT] = SIGTERM,
	};
	const char *text = oci_annotation(&b->config, "org.pith.onfail");
	enum policy_onfail policy = POLICY_ONFAIL_CONTINUE;
	_cleanup_error_ struct error err = { 0 };

	if (text && policy_onfail(text, &policy, &err) < 0)
		log_warn("%s: org.pith.onfail: %s", name, error_text(&err));
	if (policy == POLICY_ONFAIL_CONTINUE || o->shutdown)
		return false;
	log_error("%s: org.pith.onfail: %s", name, text);
	if (kill(1, signals[policy]) < 0)
		log_error("PID 1: %s", strerror(errno));
	return true;
}

/* A container that has mounted a disk may say that volumes are kept there from now on. 1: something failed. */
static int volumes_move(const struct onboot *o, const struct bundle *b, const char *name)
{
	const char *on = oci_annotation(&b->config, "org.pith.volumes"), *slash = strrchr(o->path, '/');
	_cleanup_free_ char *volumes = NULL;
	_cleanup_error_ struct error err = { 0 };
	int failed;

	if (!on || o->shutdown)
		return 0;
	/* beside the folder of the containers */
	volumes = slash ? str_format("%.*s/volumes", (int)(slash - o->path), o->path) : strdup("volumes");
	failed = volumes ? volumes_keep(volumes, on, &err) : error_set(&err, ENOMEM, "%s", on);
	if (failed < 0)
		log_error("%s: org.pith.volumes: %s", name, error_text(&err));
	return failed != 0;
}

/* Returns the container's status code, or 1 for what failed around it. */
static int run_named(const struct onboot *o, const char *name, int logs, bool *stop)
{
	_cleanup_free_ char *path = str_format("%s/%s", o->path, name);
	_cleanup_bundle_ struct bundle b = { 0 };
	_cleanup_error_ struct error err = { 0 };
	uint64_t start = report_now();
	int status = 0, code;

	report_running(o->kind, name);
	if (!path || bundle_load(path, &b, &err) < 0 || run_bundle(o, &b, name, logs, &status, &err) < 0) {
		log_error("%s: %s", name, error_text(&err));
		code = 1;
	} else {
		code = spawn_status_code(status);
		if (code != 0)
			log_error("%s: %s", name, spawn_status_text(status));
		else
			code = volumes_move(o, &b, name);
	}
	if (report_step(o->kind, name, start, report_now(), code, &err) < 0)
		log_debug("%s", error_text(&err));
	if (code != 0)
		*stop = failure_policy(o, &b, name);
	return code;
}

/* Logs are written below /run; /var may become a disk while the containers run. */
static void link_logs(const char *kind, const char *logs)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int dir = beneath_machine_dir("/var/log", 0755, &err);

	if (dir < 0)
		log_warn("%s", error_text(&err));
	else if (symlinkat(logs, dir, kind) < 0 && errno != EEXIST)
		log_warn("link /var/log/%s: %s", kind, strerror(errno));
}

int onboot_run(const struct onboot *options, struct error *err)
{
	_cleanup_strv_ char **names = bundle_names(options->path, err);
	_cleanup_free_ char *logs = str_format("/run/log/%s", options->kind);
	_cleanup_close_ int dir = -1;
	struct onboot o = *options;
	bool stop = false;
	int failed = 0;
	char **name;

	if (!names || !logs)
		return -1;
	if (!*names)
		return 0;
	if (!o.runtime.path && !(o.runtime.path = runtime_find(err)))
		return -1;
	dir = beneath_machine_dir(logs, 0755, err);
	if (dir < 0)
		return -1;
	for (name = names; *name && !stop; name++)
		failed += run_named(&o, *name, dir, &stop) != 0;
	report_running(NULL, NULL);
	link_logs(o.kind, logs);
	if (stop)
		pause(); /* PID 1's way down ends this program with all others */
	return failed;
}
