/* `pith exec`: a command in a container of a running machine, or in the machine itself. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "log.h"
#include "place.h"
#include "str.h"
#include "terminal.h"

static const char help[] =
	"usage: pith exec [OPTION...] STATE SERVICE COMMAND [ARGUMENT...]\n"
	"       pith exec --guest [OPTION...] STATE COMMAND [ARGUMENT...]\n"
	"\n"
	"Runs a command in a service's container, or, with --guest, in the machine itself. STATE is the machine's "
	"state\n"
	"directory, or the name that it was started by. Standard input, output and error are the command's, signals go "
	"to\n"
	"it, and its exit status is this one's: 127 when there is no such program, 126 when it cannot be run.\n"
	"\n"
	"  -t, --tty            the command has a terminal; its size follows this one's\n"
	"  -n, --no-stdin       the command's input is empty\n"
	"  -e, --env NAME=VALUE a variable for it; NAME alone: with the value that it has here; again for more\n"
	"  -u, --user USER      run it as this user of the container: NAME or number, and perhaps :GROUP\n"
	"  -w, --workdir DIR    its working directory\n"
	"  -g, --guest          in the machine itself, beside the containers\n"
	"  -i, --interactive    for those who are used to it: input is passed on in any case\n";

struct options {
	struct client_command command;
	bool guest, help;
};

static int env_add(struct options *o, const char *text, struct error *err)
{
	const char *value = getenv(text);
	int r = 0;

	if (*text == '=' || !*text)
		return error_set(err, 0, "--env %s: write it like NAME=VALUE", text);
	if (strchr(text, '='))
		r = strv_add(&o->command.request.env, text);
	else if (value)
		r = strv_addf(&o->command.request.env, "%s=%s", text, value);
	return r < 0 ? error_set(err, ENOMEM, "--env") : 0;
}

static int set(struct options *o, int c, const char *value, struct error *err)
{
	struct agent_request *r = &o->command.request;
	char **text = c == 'u' ? &r->user : &r->workdir;

	switch (c) {
	case 't':
		r->terminal = true;
		return 0;
	case 'n':
		o->command.input = false;
		return 0;
	case 'i':
		return 0;
	case 'e':
		return env_add(o, value, err);
	case 'g':
		o->guest = true;
		return 0;
	case 'w':
		if (*value != '/')
			return error_set(err, 0, "--workdir %s: not an absolute path", value);
		/* fall through */
	case 'u':
		if (!*value)
			return error_set(err, 0, "--user: which?");
		free(*text);
		*text = strdup(value);
		return *text ? 0 : error_set(err, ENOMEM, "options");
	default:
		o->help = true;
		return 0;
	}
}

static int parse(int argc, char **argv, struct options *o, struct error *err)
{
	static const struct option table[] = {
		{ "tty", no_argument, NULL, 't' },
		{ "no-stdin", no_argument, NULL, 'n' },
		{ "env", required_argument, NULL, 'e' },
		{ "user", required_argument, NULL, 'u' },
		{ "workdir", required_argument, NULL, 'w' },
		{ "guest", no_argument, NULL, 'g' },
		{ "interactive", no_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, "+:tne:u:w:gih", table, NULL)) != -1) {
		if (c == ':')
			return error_set(err, 0, "option %s needs a value", argv[optind - 1]);
		if (c == '?')
			return error_set(err, 0, "unknown option %s: `pith exec --help` lists them", argv[optind - 1]);
		if (set(o, c, optarg, err) < 0)
			return -1;
	}
	return 0;
}

/* STATE [SERVICE] COMMAND...; the state directory. */
static char *arguments(struct options *o, char **args, struct error *err)
{
	size_t least = o->guest ? 2 : 3;
	struct agent_request *r = &o->command.request;
	char *dir;

	if (strv_len(args) < least) {
		error_set(err, 0, "usage: pith exec %s COMMAND [ARGUMENT...]: `pith exec --help` tells more",
			  o->guest ? "--guest STATE" : "STATE SERVICE");
		return NULL;
	}
	dir = place_find(args[0], err);
	if (!dir)
		return NULL;
	r->args = strv_copy(args + least - 1);
	r->service = o->guest ? NULL : strdup(args[1]);
	if (!r->args || (!o->guest && !r->service)) {
		error_set(err, ENOMEM, "arguments");
		free(dir);
		return NULL;
	}
	return dir;
}

/* A terminal starts with our size, and is of our kind. */
static int terminal_settings(struct agent_request *r, struct error *err)
{
	const char *term = getenv("TERM");
	char *const *e;

	if (!r->terminal)
		return 0;
	terminal_size(&r->rows, &r->columns);
	for (e = r->env; e && *e; e++)
		if (str_starts(*e, "TERM="))
			return 0;
	if (strv_addf(&r->env, "TERM=%s", term && *term ? term : "xterm") < 0)
		return error_set(err, ENOMEM, "environment");
	return 0;
}

int cmd_exec(int argc, char **argv)
{
	struct options o = { .command.input = true };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *dir = NULL;
	int status = 2;

	if (parse(argc, argv, &o, &e) == 0 && o.help) {
		fputs(help, stdout);
		status = 0;
	} else if (!e.msg) {
		status = strv_len(argv + optind) < (o.guest ? 2 : 3) ? 2 : 1;
		dir = arguments(&o, argv + optind, &e);
		if (dir && terminal_settings(&o.command.request, &e) == 0)
			client_run(dir, &o.command, &status, &e);
	}
	if (e.msg)
		log_error("%s", e.msg);
	agent_request_clear(&o.command.request);
	return status;
}
