/* service: LinuxKit's command by this name, and the links of /etc/init.d and /etc/shutdown.d that lead to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot_report.h"
#include "boot_wait.h"
#include "client.h"
#include "cmdline.h"
#include "initctl.h"
#include "io.h"
#include "keep.h"
#include "log.h"
#include "oci_config.h"
#include "onboot.h"
#include "once_logs.h"
#include "options.h"
#include "service_command.h"
#include "spawn.h"
#include "str.h"
#include "supervisor.h"
#include "volumes.h"

#define NAMESPACE "services.linuxkit"

enum { GRACE_SECONDS = 240 }; /* below PID 1's own limit for the whole way down */

static int error_report(const struct error *err)
{
	log_error("%s", error_text(err));
	return 1;
}

/* --- init scripts ---------------------------------------------------------------------------------------------- */

static const char *path_or(const struct options *o, const char *usual)
{
	return o->given.path ? o->given.path : usual;
}

static int run_once(const char *kind, bool shutdown, const char *path, const struct options *opt)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf cmdline = { 0 };
	struct onboot o = { .kind = kind, .path = path, .shutdown = shutdown };
	int bad;

	/* Without /proc there are no switches. */
	cmdline_read(&cmdline, NULL);
	o.runtime.path = opt->given.runtime;
	o.runtime.debug = cmdline_has(buf_text(&cmdline), "linuxkit.runc_debug=1");
	o.live = cmdline_has(buf_text(&cmdline), "linuxkit.runc_console=1");
	log_setup(shutdown ? "onshutdown" : "onboot", o.runtime.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, true);
	bad = onboot_run(&o, &err);
	return bad < 0 ? error_report(&err) : bad != 0;
}

static int cmd_onboot(const struct service_command *c, const struct options *o)
{
	(void)c;
	return run_once("onboot", false, path_or(o, "/containers/onboot"), o);
}

static int cmd_onshutdown(const struct service_command *c, const struct options *o)
{
	(void)c;
	return run_once("shutdown", true, path_or(o, "/containers/onshutdown"), o);
}

static int cmd_volumes(const struct service_command *c, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	int bad;

	(void)c;
	log_setup("volumes", LOG_LEVEL_INFO, true);
	bad = volumes_mount(path_or(o, "/containers/volumes"), &err);
	return bad < 0 ? error_report(&err) : bad != 0;
}

/* --- the supervisor ---------------------------------------------------------------------------------------------- */

static struct supervisor_options supervisor_options(const struct options *o)
{
	const struct service_options *g = &o->given;

	return (struct supervisor_options){
		.path = path_or(o, SUPERVISOR_SERVICES),
		.socket = g->sock ? g->sock : "/run/containerd/containerd.sock",
		.containerd = g->containerd ? g->containerd : "/usr/bin/containerd",
		.lazy = g->when == SERVICE_LAZY,
		.idle = g->idle,
		.namespace = g->namespace ? g->namespace : NAMESPACE,
		.runtime = g->runtime,
	};
}

static int cmd_supervise(const struct service_command *c, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	struct supervisor_options s = supervisor_options(o);

	(void)c;
	log_setup("services",
		  o->given.quiet             ? LOG_LEVEL_ERROR
			  : o->given.verbose ? LOG_LEVEL_DEBUG
					     : LOG_LEVEL_INFO,
		  true);
	return supervisor_run(&s, &err) < 0 ? error_report(&err) : 0;
}

/* The command line of `service supervise` (or keep) with our options. */
static char **supervise_argv(const struct options *o, const struct supervisor_options *s, const char *verb)
{
	_cleanup_strv_ char **argv = NULL;
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r = n < 0 ? -1 : 0;

	if (n >= 0)
		self[n] = '\0';
	r |= strv_add(&argv, n > 0 ? self : "/usr/bin/service");
	if (o->given.verbose || o->given.quiet)
		r |= strv_add(&argv, o->given.verbose ? "-v" : "-q");
	if (!str_eq(s->namespace, NAMESPACE))
		r |= strv_add(&argv, "--containerd-namespace") | strv_add(&argv, s->namespace);
	r |= strv_add(&argv, verb) | strv_add(&argv, "--path") | strv_add(&argv, s->path);
	r |= strv_add(&argv, "--sock") | strv_add(&argv, s->socket) | strv_add(&argv, "--containerd") |
		strv_add(&argv, s->containerd);
	if (s->lazy)
		r |= strv_add(&argv, "--containerd-start") | strv_add(&argv, "lazy");
	if (s->idle)
		r |= strv_add(&argv, "--containerd-idle") | strv_addf(&argv, "%" PRIu64, s->idle);
	if (s->runtime)
		r |= strv_add(&argv, "--runtime") | strv_add(&argv, s->runtime);
	return r < 0 ? NULL : steal_ptr(&argv);
}

/* What system-init starts where PID 1 keeps nothing alive. */
static int cmd_keep(const struct service_command *c, const struct options *o)
{
	const struct supervisor_options s = supervisor_options(o);
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **supervise = NULL;
	int status;

	(void)c;
	log_setup("services", LOG_LEVEL_INFO, true);
	supervise = supervise_argv(o, &s, "supervise");
	status = supervise ? keep_run(supervise, &err) : error_set(&err, 0, "no memory, or no /proc");
	return status < 0 ? error_report(&err) : status;
}

/* What the kernel's command line says of containerd; without a word it is left until somebody asks for it. */
static void containerd_choose(struct supervisor_options *s)
{
	_cleanup_buf_ struct buf cmdline = { 0 };
	_cleanup_free_ char *idle = NULL;

	cmdline_read(&cmdline, NULL);
	s->lazy |= !cmdline_has(buf_text(&cmdline), "pith.containerd=always");
	idle = cmdline_value(buf_text(&cmdline), "pith.containerd.idle");
	if (idle && str_to_u64(idle, SERVICE_IDLE_MOST, &s->idle) < 0)
		log_warn("pith.containerd.idle=%s on the kernel's command line is no number of seconds: containerd "
			 "stays",
			 idle);
}

/* PID 1 keeps the supervisor alive; where it is not ours, a process of our own does. */
static int cmd_system_init(const struct service_command *c, const struct options *o)
{
	struct supervisor_options s = supervisor_options(o);
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **supervise = NULL, **keep = NULL;

	(void)c;
	log_setup("services", LOG_LEVEL_INFO, true);
	if (access(s.containerd, X_OK) < 0 && access(s.path, F_OK) < 0)
		return 0; /* neither services nor anything that others could be started with */
	if (client_supervisor_runs()) {
		log_error("a supervisor runs already");
		return 1;
	}
	containerd_choose(&s);
	supervise = supervise_argv(o, &s, "supervise");
	keep = supervise_argv(o, &s, "keep");
	if (!supervise || !keep) {
		log_error("no memory, or no /proc");
		return 1;
	}
	if (initctl_respawn("services", GRACE_SECONDS, supervise, &err) == 0)
		return 0;
	log_debug("%s", error_text(&err));
	if (spawn(&(struct spawn){ .path = keep[0], .argv = keep, .inherit_stdio = true, .new_session = true }, &err) <
	    0)
		return error_report(&err);
	return 0;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static int cmd_list(const struct service_command *c, const struct options *o)
{
	static const char *const words[] = { "list", NULL };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf answer = { 0 };

	(void)c;
	if (client_request(words, &answer, &err) < 0 ||
	    (o->given.format == SERVICE_JSON ? client_json : client_list)(buf_text(&answer), &err) < 0)
		return error_report(&err);
	return 0;
}

/* The container's specification as it will be started. */
static int spec_dump(const char *path, const char *name, const char *to, struct error *err)
{
	_cleanup_free_ char *file = str_format("%s/%s/config.json", path, name);
	_cleanup_free_ char *root = str_format("%s/%s/rootfs", path, name);
	_cleanup_buf_ struct buf json = { 0 }, spec = { 0 };

	if (!file || !root)
		return error_set(err, 0, "no memory");
	if (file_read(file, OCI_FILE_MAX, &json, err) < 0)
		return -1;
	if (oci_config_with_root(json.data, json.len, root, &spec, err) < 0)
		return error_wrap(err, "%s", file);
	return file_write(to, buf_bytes(&spec), spec.len, 0644, err);
}

/* start, stop, restart */
static int cmd_request(const struct service_command *c, const struct options *o)
{
	const struct service_options *g = &o->given;
	const char *words[] = { c->name, o->args[0], g->path ? g->path : "", g->sock, NULL };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf answer = { 0 };

	if (g->dump_spec && spec_dump(path_or(o, SUPERVISOR_SERVICES), o->args[0], g->dump_spec, &err) < 0)
		return error_report(&err);
	return client_request(words, &answer, &err) < 0 ? error_report(&err) : 0;
}

/* Without names: all. */
static int cmd_wait(const struct service_command *c, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	(void)c;
	return client_wait(o->args, o->given.started, &err) < 0 ? error_report(&err) : 0;
}

/* What each program of the boot did. */
static int cmd_report(const struct service_command *c, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	(void)c;
	return boot_report_show(o->given.format == SERVICE_JSON, &err) < 0 ? error_report(&err) : 0;
}

static int cmd_logs(const struct service_command *c, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	(void)c;
	/* Of a machine that boots the service may not have come to its turn. What fails is said by what follows. */
	if (boot_patient() && !once_logs_named(o->args[0]))
		client_wait(o->args, true, NULL);
	return logs_show(o->args[0], &o->logs, &err) < 0 ? error_report(&err) : 0;
}

static int cmd_ps(const struct service_command *c, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	(void)c;
	(void)o;
	return usage_ps(&err) < 0 ? error_report(&err) : 0;
}

static int cmd_top(const struct service_command *c, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	(void)c;
	return usage_top(&o->top, &err) < 0 ? error_report(&err) : 0;
}

/* NULL: there is none of that name. */
static const struct service_command *command_find(const char *name)
{
	for (size_t i = 0; i < SERVICE_VERBS; i++)
		if (str_eq(service_commands[i].name, name))
			return &service_commands[i];
	log_error("'%s' is no command", name);
	options_help(NULL, stderr);
	return NULL;
}

static int cmd_help(const struct service_command *c, const struct options *o)
{
	c = o->args[0] ? command_find(o->args[0]) : NULL;
	if (o->args[0] && !c)
		return 1;
	options_help(c, stdout);
	return 0;
}

static int (*const runs[])(const struct service_command *c, const struct options *o) = {
	[SERVICE_LIST] = cmd_list,
	[SERVICE_PS] = cmd_ps,
	[SERVICE_TOP] = cmd_top,
	[SERVICE_START] = cmd_request,
	[SERVICE_STOP] = cmd_request,
	[SERVICE_RESTART] = cmd_request,
	[SERVICE_WAIT] = cmd_wait,
	[SERVICE_LOGS] = cmd_logs,
	[SERVICE_REPORT] = cmd_report,
	[SERVICE_SYSTEM_INIT] = cmd_system_init,
	[SERVICE_SUPERVISE] = cmd_supervise,
	[SERVICE_KEEP] = cmd_keep,
	[SERVICE_ONBOOT] = cmd_onboot,
	[SERVICE_ONSHUTDOWN] = cmd_onshutdown,
	[SERVICE_VOLUMES] = cmd_volumes,
	[SERVICE_HELP] = cmd_help,
};
_Static_assert(array_len(runs) == SERVICE_VERBS, "each command has its function");

/* The names of init scripts ("010-onboot") that do what a command does. */
static const struct {
	const char *name;
	enum service_verb verb;
} scripts[] = {
	{ "onboot", SERVICE_ONBOOT },
	{ "onshutdown", SERVICE_ONSHUTDOWN },
	{ "volumes", SERVICE_VOLUMES },
	{ "containerd", SERVICE_SYSTEM_INIT },
};

static int command_run(const struct service_command *c, char **argv, struct options *o)
{
	int status = options_parse(c, argv, o);

	return status >= 0 ? status : runs[c - service_commands](c, o);
}

int main(int argc, char **argv)
{
	struct options o = { .logs.tail = LOGS_ALL, .top.delay_ms = 2000 };
	const char *base = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const struct service_command *c;
	size_t i;
	int status;

	io_fill_standard();
	if (argc < 1)
		return 1;
	base = base ? base + 1 : argv[0];
	for (i = 0; i < array_len(scripts); i++)
		if (str_ends(base, scripts[i].name))
			return command_run(&service_commands[scripts[i].verb], argv, &o);
	log_setup("service", LOG_LEVEL_INFO, false);
	status = options_parse(NULL, argv, &o);
	if (status >= 0)
		return status;
	if (!o.args[0]) {
		options_help(NULL, stderr);
		return 1;
	}
	c = command_find(o.args[0]);
	return c ? command_run(c, o.args, &o) : 1;
}
