/* `pith ps`, `logs`, `start`, `stop`, `restart` and `top`: what the guest's `service` command does, asked for from the
 * host; and the end of a machine. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "log.h"
#include "place.h"
#include "process.h"
#include "state.h"
#include "str.h"
#include "terminal.h"

#define SERVICE "/usr/bin/service"

struct verb;
struct options {
	const struct verb *verb;
	char **args;  /* for `service` */
	char **names; /* the rest: STATE and what follows */
	bool now, help;
};

struct verb {
	const char *name, *letters, *help;
	struct option table[4];
	size_t least, most; /* arguments */
	int (*run)(struct options *o, const char *dir, struct error *err);
};

/* Runs `service`; its exit status, or -1 with *status. */
static int service_run(struct options *o, const char *dir, bool terminal, int *status, struct error *err)
{
	struct client_command c = { .request = { .args = o->args, .hangup = true, .terminal = terminal } };
	const char *term = getenv("TERM");
	int r;

	if (terminal) {
		c.input = true;
		terminal_size(&c.request.rows, &c.request.columns);
		if (strv_addf(&c.request.env, "TERM=%s", term && *term ? term : "xterm") < 0)
			return error_set(err, ENOMEM, "environment");
	}
	r = client_run(dir, &c, status, err);
	strv_free(c.request.env);
	return r;
}

static int run_service(struct options *o, const char *dir, struct error *err)
{
	int status = 1;

	for (char **name = o->names + 1; *name; name++)
		if (strv_add(&o->args, *name) < 0)
			return error_set(err, ENOMEM, "arguments");
	service_run(o, dir, false, &status, err);
	return status;
}

static int run_top(struct options *o, const char *dir, struct error *err)
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

static int run_stop(struct options *o, const char *dir, struct error *err)
{
	if (!o->names[1])
		return machine_stop(o, dir, err);
	if (o->now)
		return error_set(err, 0, "--now is for the machine; a service is killed after its own grace period"), 2;
	return run_service(o, dir, err);
}

#define HELP                                   \
	{                                      \
		"help", no_argument, NULL, 'h' \
	}

static const struct verb verbs[] = {
	{ .name = "ps",
	  .letters = "+:h",
	  .help = "usage: pith ps STATE\n\nThe services of a running machine: what they do, since when, and the memory "
		  "that they "
		  "use.\n",
	  .table = { HELP },
	  .least = 1,
	  .most = 1,
	  .run = run_service },
	{ .name = "logs",
	  .letters = "+:fn:h",
	  .help = "usage: pith logs [-f] [-n LINES] STATE SERVICE\n\nWhat a service wrote.\n\n"
		  "  -f, --follow      go on with what it writes\n"
		  "  -n, --lines N     the last N lines of each stream\n",
	  .table = { HELP, { "follow", no_argument, NULL, 'f' }, { "lines", required_argument, NULL, 'n' } },
	  .least = 2,
	  .most = 2,
	  .run = run_service },
	{ .name = "start",
	  .letters = "+:h",
	  .help = "usage: pith start STATE SERVICE\n\nStarts a service and waits until it is ready.\n",
	  .table = { HELP },
	  .least = 2,
	  .most = 2,
	  .run = run_service },
	{ .name = "restart",
	  .letters = "+:h",
	  .help = "usage: pith restart STATE SERVICE\n\nStops a service, then starts it with a fresh file system.\n",
	  .table = { HELP },
	  .least = 2,
	  .most = 2,
	  .run = run_service },
	{ .name = "stop",
	  .letters = "+:h",
	  .help = "usage: pith stop [--now] STATE [SERVICE]\n\nStops a service, or powers the machine down; waits for "
		  "the end.\n\n"
		  "  --now   end the machine without its consent, as if the plug were pulled\n",
	  .table = { HELP, { "now", no_argument, NULL, 'N' } },
	  .least = 1,
	  .most = 2,
	  .run = run_stop },
	{ .name = "top",
	  .letters = "+:d:n:h",
	  .help = "usage: pith top [-d SECONDS] [-n TIMES] STATE\n\nThe CPU time and memory that services use, again "
		  "and again "
		  "on a terminal until q is pressed, once\notherwise.\n\n"
		  "  -d, --delay SECONDS   between two looks (2)\n"
		  "  -n, --count TIMES     so often, then end\n",
	  .table = { HELP, { "delay", required_argument, NULL, 'd' }, { "count", required_argument, NULL, 'n' } },
	  .least = 1,
	  .most = 1,
	  .run = run_top },
};

static int set(struct options *o, int c, const char *value, struct error *err)
{
	if (c == 'h') {
		o->help = true;
		return 0;
	}
	if (c == 'N') {
		o->now = true;
		return 0;
	}
	if (strv_addf(&o->args, "-%c", c) < 0 || (value && strv_add(&o->args, value) < 0))
		return error_set(err, ENOMEM, "options");
	return 0;
}

static int parse(int argc, char **argv, struct options *o, struct error *err)
{
	const struct verb *v = o->verb;
	int c;

	if (strv_add(&o->args, SERVICE) < 0 || strv_add(&o->args, v->name) < 0)
		return error_set(err, ENOMEM, "options");
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, v->letters, v->table, NULL)) != -1) {
		if (c == ':')
			return error_set(err, 0, "option %s needs a value", argv[optind - 1]);
		if (c == '?')
			return error_set(err, 0, "unknown option %s: `pith %s --help` lists them", argv[optind - 1],
					 v->name);
		if (set(o, c, optarg, err) < 0)
			return -1;
	}
	o->names = argv + optind;
	if (!o->help && (strv_len(o->names) < v->least || strv_len(o->names) > v->most))
		return error_set(err, 0, "%.*s", (int)strcspn(v->help, "\n"), v->help);
	return 0;
}

int cmd_manage(int argc, char **argv)
{
	struct options o = { .verb = verbs };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *dir = NULL;
	int status = 2;

	while (!str_eq(o.verb->name, argv[0]))
		o.verb++;
	if (parse(argc, argv, &o, &e) == 0) {
		if (o.help) {
			fputs(o.verb->help, stdout);
			status = 0;
		} else {
			status = 1;
			dir = place_find(o.names[0], &e);
			if (dir)
				status = o.verb->run(&o, dir, &e);
		}
	}
	if (e.msg)
		log_error("%s", e.msg);
	strv_free(o.args);
	return status;
}
