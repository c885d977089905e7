/* service: LinuxKit's command by this name, and the links of /etc/init.d and /etc/shutdown.d that lead to it. */
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
#include "service_usage.h"
#include "spawn.h"
#include "str.h"
#include "supervisor.h"
#include "volumes.h"

enum { GRACE_SECONDS = 240 }; /* below PID 1's own limit for the whole way down */

enum { USAGE_COLUMN = 35 };

static int usage(FILE *to)
{
	size_t i;

	fputs("usage: service " SERVICE_SYNOPSIS "\n", to);
	for (i = 0; i < array_len(service_usage); i++) {
		int n = fprintf(to, "  %s", service_usage[i].words);

		if (n > USAGE_COLUMN)
			n = fprintf(to, "\n") - 1;
		fprintf(to, "%*s%s\n", USAGE_COLUMN + 2 - n, "", service_usage[i].help);
	}
	return to == stdout ? 0 : 1;
}

static int arguments_check(const struct options *o, size_t want, const char *what)
{
	if (strv_len(o->args) == want)
		return 0;
	fprintf(stderr, "service: %s\n", what);
	return -1;
}

static int error_report(const struct error *err)
{
	log_error("%s", error_text(err));
	return 1;
}

/* --- init scripts ---------------------------------------------------------------------------------------------- */

static int run_once(const char *kind, bool shutdown, const struct options *opt)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf cmdline = { 0 };
	struct onboot o = { .kind = kind, .path = opt->path, .shutdown = shutdown };
	int bad;

	/* Without /proc there are no switches. */
	cmdline_read(&cmdline, NULL);
	o.runtime.path = opt->runtime;
	o.runtime.debug = cmdline_has(buf_text(&cmdline), "linuxkit.runc_debug=1");
	o.live = cmdline_has(buf_text(&cmdline), "linuxkit.runc_console=1");
	log_setup(shutdown ? "onshutdown" : "onboot", o.runtime.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, true);
	bad = onboot_run(&o, &err);
	return bad < 0 ? error_report(&err) : bad != 0;
}

static int cmd_onboot(int argc, char **argv, struct options *o)
{
	o->path = "/containers/onboot";
	if (options_parse(argc, argv, HAS_PATH | HAS_RUNTIME, o) < 0 ||
	    arguments_check(o, 0, "onboot takes no arguments") < 0)
		return 1;
	return run_once("onboot", false, o);
}

static int cmd_onshutdown(int argc, char **argv, struct options *o)
{
	o->path = "/containers/onshutdown";
	if (options_parse(argc, argv, HAS_PATH | HAS_RUNTIME, o) < 0 ||
	    arguments_check(o, 0, "onshutdown takes no arguments") < 0)
		return 1;
	return run_once("shutdown", true, o);
}

static int cmd_volumes(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	int bad;

	o->path = "/containers/volumes";
	if (options_parse(argc, argv, HAS_PATH, o) < 0 || arguments_check(o, 0, "volumes takes no arguments") < 0)
		return 1;
	log_setup("volumes", LOG_LEVEL_INFO, true);
	bad = volumes_mount(o->path, &err);
	return bad < 0 ? error_report(&err) : bad != 0;
}

/* --- the supervisor ---------------------------------------------------------------------------------------------- */

static int supervisor_options(int argc, char **argv, struct options *o)
{
	o->path = SUPERVISOR_SERVICES;
	o->sock = "/run/containerd/containerd.sock";
	o->containerd = "/usr/bin/containerd";
	if (options_parse(argc, argv, HAS_PATH | HAS_RUNTIME | HAS_SOCK | HAS_CONTAINERD, o) < 0)
		return -1;
	return arguments_check(o, 0, "unexpected argument");
}

static int cmd_supervise(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	struct supervisor_options s = { 0 };

	if (supervisor_options(argc, argv, o) < 0)
		return 1;
	s.path = o->path;
	s.runtime = o->runtime;
	s.containerd = o->containerd;
	s.socket = o->sock;
	s.namespace = o->namespace;
	log_setup("services", o->quiet ? LOG_LEVEL_ERROR : o->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, true);
	return supervisor_run(&s, &err) < 0 ? error_report(&err) : 0;
}

/* The command line of `service supervise` (or keep) with our options. */
static char **supervise_argv(const struct options *o, const char *verb)
{
	_cleanup_strv_ char **argv = NULL;
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r = n < 0 ? -1 : 0;

	if (n >= 0)
		self[n] = '\0';
	r |= strv_add(&argv, n > 0 ? self : "/usr/bin/service");
	if (o->verbose || o->quiet)
		r |= strv_add(&argv, o->verbose ? "-v" : "-q");
	if (!str_eq(o->namespace, "services.linuxkit"))
		r |= strv_add(&argv, "--containerd-namespace") | strv_add(&argv, o->namespace);
	r |= strv_add(&argv, verb) | strv_add(&argv, "--path") | strv_add(&argv, o->path);
	r |= strv_add(&argv, "--sock") | strv_add(&argv, o->sock) | strv_add(&argv, "--containerd") |
		strv_add(&argv, o->containerd);
	if (o->runtime)
		r |= strv_add(&argv, "--runtime") | strv_add(&argv, o->runtime);
	return r < 0 ? NULL : steal_ptr(&argv);
}

/* What system-init starts where PID 1 keeps nothing alive. */
static int cmd_keep(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **supervise = NULL;
	int status;

	if (supervisor_options(argc, argv, o) < 0)
		return 1;
	log_setup("services", LOG_LEVEL_INFO, true);
	supervise = supervise_argv(o, "supervise");
	status = supervise ? keep_run(supervise, &err) : error_set(&err, 0, "no memory, or no /proc");
	return status < 0 ? error_report(&err) : status;
}

/* PID 1 keeps the supervisor alive; where it is not ours, a process of our own does. */
static int cmd_system_init(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **supervise = NULL, **keep = NULL;

	if (supervisor_options(argc, argv, o) < 0)
		return 1;
	log_setup("services", LOG_LEVEL_INFO, true);
	if (access(o->containerd, X_OK) < 0 && access(o->path, F_OK) < 0)
		return 0; /* neither services nor anything that others could be started with */
	if (client_supervisor_runs()) {
		log_error("a supervisor runs already");
		return 1;
	}
	supervise = supervise_argv(o, "supervise");
	keep = supervise_argv(o, "keep");
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

static int cmd_list(int argc, char **argv, struct options *o)
{
	static const char *const words[] = { "list", NULL };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf answer = { 0 };
	bool json;

	o->format = "table";
	if (options_parse(argc, argv, HAS_FORMAT, o) < 0 || arguments_check(o, 0, "list takes no arguments") < 0)
		return 1;
	json = str_eq(o->format, "json");
	if (!json && !str_eq(o->format, "table")) {
		log_error("--format: '%s' is none of table, json", o->format);
		return 1;
	}
	if (client_request(words, &answer, &err) < 0 ||
	    (json ? client_json : client_table)(buf_text(&answer), &err) < 0)
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
static int cmd_request(int argc, char **argv, struct options *o)
{
	const char *words[] = { argv[0], NULL, NULL, NULL, NULL };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf answer = { 0 };

	if (options_parse(argc, argv, HAS_PATH | HAS_SOCK | HAS_DUMP, o) < 0 ||
	    arguments_check(o, 1, "name one service") < 0)
		return 1;
	words[1] = o->args[0];
	words[2] = o->path ? o->path : "";
	words[3] = o->sock;
	if (o->dump_spec && spec_dump(o->path ? o->path : SUPERVISOR_SERVICES, o->args[0], o->dump_spec, &err) < 0)
		return error_report(&err);
	return client_request(words, &answer, &err) < 0 ? error_report(&err) : 0;
}

/* Without names: all. */
static int cmd_wait(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	if (options_parse(argc, argv, HAS_STARTED, o) < 0)
		return 1;
	return client_wait(o->args, o->started, &err) < 0 ? error_report(&err) : 0;
}

/* What each program of the boot did. */
static int cmd_report(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	o->format = "table";
	if (options_parse(argc, argv, HAS_FORMAT, o) < 0 || arguments_check(o, 0, "report takes no arguments") < 0)
		return 1;
	if (!str_eq(o->format, "json") && !str_eq(o->format, "table")) {
		log_error("--format: '%s' is none of table, json", o->format);
		return 1;
	}
	return boot_report_show(str_eq(o->format, "json"), &err) < 0 ? error_report(&err) : 0;
}

static int cmd_logs(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	if (options_parse(argc, argv, HAS_LOGS, o) < 0 || arguments_check(o, 1, "name one service") < 0)
		return 1;
	/* Of a machine that boots the service may not have come to its turn. What fails is said by what follows. */
	if (boot_patient() && !once_logs_named(o->args[0]))
		client_wait(o->args, true, NULL);
	return logs_show(o->args[0], &o->logs, &err) < 0 ? error_report(&err) : 0;
}

static int cmd_ps(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	if (options_parse(argc, argv, 0, o) < 0 || arguments_check(o, 0, "ps takes no arguments") < 0)
		return 1;
	return usage_ps(&err) < 0 ? error_report(&err) : 0;
}

static int cmd_top(int argc, char **argv, struct options *o)
{
	_cleanup_error_ struct error err = { 0 };

	o->top.delay_ms = 2000;
	if (options_parse(argc, argv, HAS_TOP, o) < 0 || arguments_check(o, 0, "top takes no arguments") < 0)
		return 1;
	return usage_top(&o->top, &err) < 0 ? error_report(&err) : 0;
}

static int cmd_help(int argc, char **argv, struct options *o)
{
	(void)argc;
	(void)argv;
	(void)o;
	return usage(stdout);
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct options *o);
	const char *script; /* name of an init script that does the same */
} commands[] = {
	{ "onboot", cmd_onboot, "onboot" },
	{ "onshutdown", cmd_onshutdown, "onshutdown" },
	{ "volumes", cmd_volumes, "volumes" },
	{ "system-init", cmd_system_init, "containerd" },
	{ "supervise", cmd_supervise, NULL },
	{ "keep", cmd_keep, NULL },
	{ "list", cmd_list, NULL },
	{ "start", cmd_request, NULL },
	{ "stop", cmd_request, NULL },
	{ "restart", cmd_request, NULL },
	{ "wait", cmd_wait, NULL },
	{ "logs", cmd_logs, NULL },
	{ "report", cmd_report, NULL },
	{ "ps", cmd_ps, NULL },
	{ "top", cmd_top, NULL },
	{ "help", cmd_help, NULL },
};

int main(int argc, char **argv)
{
	struct options o = { .namespace = "services.linuxkit", .logs.tail = LOGS_ALL };
	const char *base = argc > 0 ? strrchr(argv[0], '/') : NULL;
	size_t i;

	io_fill_standard();
	if (argc < 1)
		return 1;
	base = base ? base + 1 : argv[0];
	/* By a script's name ("010-onboot"), else by the first argument. */
	for (i = 0; i < array_len(commands); i++)
		if (commands[i].script && str_ends(base, commands[i].script))
			return commands[i].run(argc, argv, &o);
	log_setup("service", LOG_LEVEL_INFO, false);
	if (options_parse(argc, argv, HAS_NAMESPACE | HAS_LEVEL, &o) < 0)
		return usage(stderr);
	if (o.quiet && o.verbose) {
		log_error("either -q or -v");
		return 1;
	}
	for (i = 0; o.args[0] && i < array_len(commands); i++)
		if (str_eq(o.args[0], commands[i].name))
			return commands[i].run((int)strv_len(o.args), o.args, &o);
	if (o.args[0])
		log_error("'%s' is no command", o.args[0]);
	return usage(stderr);
}
