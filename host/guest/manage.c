/* `pith ps`, `logs`, `report`, `start`, `stop`, `restart` and `top`: what the guest's `service` command does, asked for
 * from the host; and the end of a machine. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "log.h"
#include "machines.h"
#include "place.h"
#include "process.h"
#include "state.h"
#include "str.h"
#include "terminal.h"
#include "wait.h"

struct options {
	char **args;  /* for `service` */
	char **names; /* the rest: STATE and what follows */
	bool now;
};

/* Runs `service`; its exit status, or -1 with *status. */
static int service_run(struct options *o, const char *dir, bool terminal, int *status, struct error *err)
{
	_cleanup_strv_ char **env = NULL;
	struct client_command c = { .request = { .args = o->args, .hangup = true, .terminal = terminal } };
	const char *term = getenv("TERM");
	int r = wait_setting(dir, &env);

	if (terminal) {
		c.input = true;
		terminal_size(&c.request.rows, &c.request.columns);
		r |= strv_addf(&env, "TERM=%s", term && *term ? term : "xterm");
	}
	if (r < 0)
		return error_set(err, ENOMEM, "environment");
	c.request.env = env;
	return client_run(dir, &c, status, err);
}

static int service_names(struct options *o, const char *dir, struct error *err)
{
	int status = 1;

	for (char **name = o->names + 1; *name; name++)
		if (strv_add(&o->args, *name) < 0)
			return error_set(err, ENOMEM, "arguments");
	service_run(o, dir, false, &status, err);
	return status;
}

static int service_top(struct options *o, const char *dir, struct error *err)
{
	bool shown = isatty(STDOUT_FILENO) && terminal_ours();
	int status = 1;

	service_run(o, dir, shown, &status, err);
	return status;
}

/* The process that runs the machine powers it down, and ends it when that takes too long. */
static int machine_stop(const struct options *o, const char *dir, struct error *err)
{
	_cleanup_close_ int fd = state_process(dir, err);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0 || process_signal(fd, SIGTERM, err) < 0 || (o->now && process_signal(fd, SIGINT, err) < 0))
		return 1;
	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "wait for the machine"), 1;
	return 0;
}

static int machine_or_service_stop(struct options *o, const char *dir, struct error *err)
{
	if (!o->names[1])
		return machine_stop(o, dir, err);
	if (o->now)
		return error_set(err, 0, "--now is for the machine; a service is killed after its own grace period"), 2;
	return service_names(o, dir, err);
}

/* An option of `service`, by its letter where it has one. */
static int set_passed(void *data, const struct option *option, const char *value, struct error *err)
{
	char ***args = &((struct options *)data)->args;
	bool on = true;

	if (!option->argument && option_switch(option, value, &on, err) < 0)
		return -1;
	if (!on)
		return 0;
	if ((option->letter ? strv_addf(args, "-%c", option->letter) : strv_addf(args, "--%s", option->name)) < 0 ||
	    (option->argument && strv_add(args, value) < 0))
		return error_set(err, ENOMEM, "--%s", option->name);
	return 0;
}

static int set_json(void *data, const struct option *option, const char *value, struct error *err)
{
	char ***args = &((struct options *)data)->args;
	bool on;

	if (option_switch(option, value, &on, err) < 0)
		return -1;
	if (on && (strv_add(args, "--format") < 0 || strv_add(args, "json") < 0))
		return error_set(err, ENOMEM, "--%s", option->name);
	return 0;
}

static const struct option report_table[] = {
	{ "json", .set = set_json, .help = "as the machine keeps it, times in microseconds" },
	{ 0 },
};

static const struct option logs_table[] = {
	{ "follow", 'f', .set = set_passed, .help = "go on with what it writes" },
	{ "tail", 'n', .argument = "N", .set = set_passed, .help = "the last N lines (all)" },
	{ "lines", .argument = "N", .set = set_passed, .help = "the same" },
	{ "since", .argument = "TIME", .set = set_passed,
	  .help = "from then on: 2026-01-31T12:00:00Z, seconds since 1970, or 10m ago" },
	{ "timestamps", 't', .set = set_passed, .help = "a time before each line" },
	{ 0 },
};

static const struct option stop_table[] = {
	{ "now", .set = option_set_switch, .field = offsetof(struct options, now),
	  .help = "end the machine without its consent, as if the plug were pulled" },
	{ 0 },
};

static const struct option top_table[] = {
	{ "delay", 'd', .argument = "SECONDS", .set = set_passed, .help = "between two looks (2)" },
	{ "count", 'n', .argument = "TIMES", .set = set_passed, .help = "so often, then end" },
	{ 0 },
};

/* --- the commands ------------------------------------------------------------------------------------------------- */

struct manage {
	const struct command *command;
	size_t least, most; /* words */
	int (*run)(struct options *o, const char *dir, struct error *err);
};

static const struct manage manages[] = {
	{ &ps_command, 0, 1, service_names },      { &report_command, 1, 1, service_names },
	{ &logs_command, 2, 2, service_names },    { &start_command, 2, 2, service_names },
	{ &restart_command, 2, 2, service_names }, { &stop_command, 1, 2, machine_or_service_stop },
	{ &top_command, 1, 1, service_top },
};

static int words_check(const struct manage *m, char **words, struct error *err)
{
	size_t count = strv_len(words);
	const char *how = m->command->usage[0], *name = m->command->name;

	if (count == 0 && m->least > 0)
		return error_set(err, 0, "which machine? pith %s %s", name, how);
	if (count < m->least)
		return error_set(err, 0, "which service? pith %s %s", name, how);
	if (count > m->most)
		return error_set(err, 0, "\"%s\" is one too many: pith %s %s", words[m->most], name, how);
	return 0;
}

static int manage_run(const struct manage *m, struct options *o, struct error *err)
{
	_cleanup_free_ char *dir = NULL;

	if (!o->names[0])
		return machines_list(err) < 0;
	dir = place_find(o->names[0], err);
	return dir ? m->run(o, dir, err) : 1;
}

static int manage_main(const struct command *c, char **argv)
{
	struct options o = { .names = argv + 1 };
	_cleanup_error_ struct error e = { 0 };
	const struct manage *m = manages;
	int status;

	while (m->command != c)
		m++;
	if (strv_add(&o.args, WAIT_SERVICE) < 0 || strv_add(&o.args, c->name) < 0)
		error_set(&e, ENOMEM, "options");
	status = e.msg ? 1 : command_line(c, argv, &o);
	if (status < 0)
		status = words_check(m, o.names, &e) < 0 ? 2 : manage_run(m, &o, &e);
	if (e.msg)
		log_error("%s", e.msg);
	strv_free(o.args);
	return status;
}

static const char *const service_usage[] = { "STATE SERVICE", NULL };
static const char *const ps_usage[] = { "[STATE]", NULL };
static const char *const report_usage[] = { "[--json] STATE", NULL };
static const char *const logs_usage[] = { "[-f] [-t] [-n N] [--since TIME] STATE SERVICE",
					  "[-t] [-n N] [--since TIME] STATE onboot/NAME", NULL };
static const char *const stop_usage[] = { "[--now] STATE [SERVICE]", NULL };
static const char *const top_usage[] = { "[-d SECONDS] [-n TIMES] STATE", NULL };

const struct command ps_command = {
	.name = "ps",
	.summary = "list the machines that run, or the services of one",
	.usage = ps_usage,
	.text = "The services of a running machine: what they do, since when, and the memory that they use. Without "
		"STATE: the machines of this user that run.",
	.run = manage_main,
};

const struct command report_command = {
	.name = "report",
	.summary = "show what each step of a machine's boot did",
	.usage = report_usage,
	.text = "What each step of the machine's boot did: when it began, how long it took, its exit status.",
	.options = report_table,
	.run = manage_main,
};

const struct command logs_command = {
	.name = "logs",
	.summary = "show what a service or an onboot container wrote",
	.usage = logs_usage,
	.text = "What a service wrote, in that order, or a container that ran once at the boot.",
	.options = logs_table,
	.letters_cluster = true,
	.run = manage_main,
};

const struct command start_command = {
	.name = "start",
	.summary = "start a service",
	.usage = service_usage,
	.text = "Starts a service and waits until it is ready.",
	.run = manage_main,
};

const struct command restart_command = {
	.name = "restart",
	.summary = "restart a service",
	.usage = service_usage,
	.text = "Stops a service, then starts it with a fresh file system.",
	.run = manage_main,
};

const struct command stop_command = {
	.name = "stop",
	.summary = "stop a service, or power a machine down",
	.usage = stop_usage,
	.text = "Stops a service, or powers the machine down; waits for the end.",
	.options = stop_table,
	.run = manage_main,
};

const struct command top_command = {
	.name = "top",
	.summary = "show what the services of a running machine use",
	.usage = top_usage,
	.text = "The CPU time and memory that services use, again and again on a terminal until q is pressed, once "
		"otherwise.",
	.options = top_table,
	.letters_cluster = true,
	.run = manage_main,
};
