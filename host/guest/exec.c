/* `pith exec`: a command in a container of a running machine, or in the machine itself. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "log.h"
#include "place.h"
#include "str.h"
#include "terminal.h"
#include "wait.h"

enum { STATUS_NO_PROGRAM = 127 };

struct options {
	struct client_command command;
	bool guest, no_stdin, interactive;
};

static int set_env(void *data, const struct option *option, const char *text, struct error *err)
{
	char ***env = &((struct options *)data)->command.request.env;
	const char *value = getenv(text);
	int r = 0;

	if (*text == '=' || !*text)
		return error_set(err, 0, "--%s %s: write it like NAME=VALUE", option->name, text);
	if (strchr(text, '='))
		r = strv_add(env, text);
	else if (value)
		r = strv_addf(env, "%s=%s", text, value);
	return r < 0 ? error_set(err, ENOMEM, "--%s", option->name) : 0;
}

/* Text that the request owns. */
static int set_owned(void *data, const struct option *option, const char *value, struct error *err)
{
	char **text = (char **)((char *)data + option->field);

	if (!*value)
		return error_set(err, 0, "--%s: which?", option->name);
	free(*text);
	*text = strdup(value);
	return *text ? 0 : error_set(err, ENOMEM, "--%s", option->name);
}

static int set_workdir(void *data, const struct option *option, const char *value, struct error *err)
{
	if (*value != '/')
		return error_set(err, 0, "--%s %s: not an absolute path", option->name, value);
	return set_owned(data, option, value, err);
}

#define FIELD(name) offsetof(struct options, name)

static const struct option exec_table[] = {
	{ "tty", 't', .set = option_set_switch, .field = FIELD(command.request.terminal),
	  .help = "the command has a terminal; its size follows this one's" },
	{ "no-stdin", 'n', .set = option_set_switch, .field = FIELD(no_stdin), .help = "the command's input is empty" },
	{ "env", 'e', .argument = "NAME=VALUE", .set = set_env,
	  .help = "a variable for it; NAME alone: with the value that it has here; again for more" },
	{ "user", 'u', .argument = "USER", .set = set_owned, .field = FIELD(command.request.user),
	  .help = "run it as this user of the container: NAME or number, and perhaps :GROUP" },
	{ "workdir", 'w', .argument = "DIR", .set = set_workdir, .field = FIELD(command.request.workdir),
	  .help = "its working directory" },
	{ "guest", 'g', .set = option_set_switch, .field = FIELD(guest),
	  .help = "in the machine itself, beside the containers" },
	{ "interactive", 'i', .set = option_set_switch, .field = FIELD(interactive),
	  .help = "for those who are used to it: input is passed on in any case" },
	{ 0 },
};

/* Says what is missing of STATE [SERVICE] COMMAND. */
static int words_check(const struct options *o, char **words, struct error *err)
{
	const char *how = o->guest ? "pith exec --guest STATE COMMAND [ARGUMENT...]"
				   : "pith exec STATE SERVICE COMMAND [ARGUMENT...]";

	if (!words[0])
		return error_set(err, 0, "in which machine? %s", how);
	if (!words[1] && o->guest)
		return error_set(err, 0, "which command is to run in the machine? %s", how);
	if (!words[1])
		return error_set(err, 0, "in which service, and which command? %s", how);
	if (!words[2] && !o->guest)
		return error_set(
			err, 0,
			"either the service or the command is missing beside \"%s\": %s; --guest runs it in the "
			"machine itself",
			words[1], how);
	return 0;
}

/* STATE [SERVICE] COMMAND...; the state directory. */
static char *request_fill(struct options *o, char **words, struct error *err)
{
	struct agent_request *r = &o->command.request;
	_cleanup_free_ char *dir = place_find(words[0], err);

	if (!dir)
		return NULL;
	r->args = strv_copy(words + (o->guest ? 1 : 2));
	r->service = o->guest ? NULL : strdup(words[1]);
	if (r->args && (o->guest || r->service))
		return steal_ptr(&dir);
	error_set(err, ENOMEM, "arguments");
	return NULL;
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

/* Images have few programs, and users expect a shell. */
static void hint_add(const struct options *o, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };

	error_move(&why, err);
	if (o->guest)
		error_set(err, 0,
			  "%s (the machine itself has the programs of its init: images: pith/busybox there brings a "
			  "shell and its tools; `pith report` and `pith logs STATE onboot/NAME` need none)",
			  error_text(&why));
	else
		error_set(err, 0, "%s (the service's image has no such program)", error_text(&why));
}

static int exec_run(struct options *o, char **words)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *dir = NULL;
	int status = 1;

	if (words_check(o, words, &err) < 0)
		return command_refuse(&err);
	o->command.input = !o->no_stdin;
	dir = request_fill(o, words, &err);
	if (dir && o->command.request.service)
		wait_for_process(dir, o->command.request.service);
	if (dir && terminal_settings(&o->command.request, &err) == 0)
		client_run(dir, &o->command, &status, &err);
	if (err.msg && status == STATUS_NO_PROGRAM)
		hint_add(o, &err);
	if (err.msg)
		log_error("%s", err.msg);
	return status;
}

static int exec_main(const struct command *c, char **argv)
{
	struct options o = { 0 };
	int status = command_line(c, argv, &o);

	if (status < 0)
		status = exec_run(&o, argv + 1);
	agent_request_clear(&o.command.request);
	return status;
}

static const char *const exec_usage[] = {
	"[OPTION...] STATE SERVICE COMMAND [ARGUMENT...]",
	"--guest [OPTION...] STATE COMMAND [ARGUMENT...]",
	NULL,
};

const struct command exec_command = {
	.name = "exec",
	.summary = "run a command in a service of a running machine",
	.usage = exec_usage,
	.text = "Runs a command in a service's container, or, with --guest, in the machine itself. STATE is the "
		"machine's "
		"state directory, or the name that it was started by. Standard input, output and error are the "
		"command's, "
		"signals go to it, and its exit status is this one's: 127 when there is no such program, 126 when it "
		"cannot be run.",
	.options = exec_table,
	.letters_cluster = true,
	.words_end = true,
	.run = exec_main,
};
