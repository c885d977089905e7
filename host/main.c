/* pith: builds and runs machine images from LinuxKit YAML files. This file only finds the command. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "completion.h"
#include "globals.h"
#include "help.h"
#include "io.h"
#include "log.h"
#include "manual.h"
#include "service_manual.h"
#include "str.h"
#include "version.h"
#include "yaml_manual.h"

static const struct command completion_command, help_command, version_command;
static const struct roff_edition edition = { PITH_VERSION, PITH_DATE };

static const struct command *const commands[] = {
	&build_command,
	&cache_command,
	&completion_command,
	&exec_command,
	&forward_command,
	&help_command,
	&logs_command,
	&machine_command,
	&metadata_command,
	&pkg_command,
	&ports_command,
	&ps_command,
	&push_command,
	&report_command,
	&restart_command,
	&run_command,
	&start_command,
	&stop_command,
	&top_command,
	&update_command,
	&version_command,
	&vsock_command,
	NULL,
};
enum { COMMANDS = array_len(commands) - 1 };

/* What Docker or LinuxKit has as a command of its own. */
static const struct command_verb elsewhere[] = {
	{ "images", .instead = "`pith cache ls` lists the images" },
	{ "pull", .instead = "`pith cache pull` fetches images" },
	{ "import", .instead = "`pith cache import` takes in images, `pith run` disk images as they are" },
	{ "export", .instead = "`pith cache export` writes images" },
	{ "rmi", .instead = "`pith cache rm` removes images" },
	{ "serve", .instead = "any web server serves a folder, as `python3 -m http.server` does" },
	{ "kill", .instead = "`pith stop --now STATE` ends a machine at once" },
	{ 0 },
};

static const struct command *find_command(const char *name, struct error *err)
{
	struct command_verb names[COMMANDS + array_len(elsewhere)] = { 0 };
	const struct command_verb *verb;
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		names[i] = (struct command_verb){ commands[i]->name, .help = commands[i]->summary };
	memcpy(&names[COMMANDS], elsewhere, sizeof(elsewhere));
	verb = verb_find(names, name, "`pith --help` lists them", err);
	return verb ? commands[verb - names] : NULL;
}

/* --- help --------------------------------------------------------------------------------------------------------- */

static const struct option main_options[] = {
	{ "version", .set = option_set_switch, .help = "print the version of this program" },
	{ 0 },
};

static void print_usage(FILE *to)
{
	size_t i;

	fputs("usage: pith [OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
	for (i = 0; i < COMMANDS; i++)
		help_entry(commands[i]->name, commands[i]->summary, 11, to);
	fputs("\n`pith help COMMAND` tells a command's options. Every command takes these, before its name and behind "
	      "it:"
	      "\n\n",
	      to);
	help_options(global_options, to);
}

struct help_wish {
	const char *pages;
};

static const struct option help_table[] = {
	{ "man-pages", .argument = "DIR", .set = option_set_text, .field = offsetof(struct help_wish, pages),
	  .help = "write the manual pages of all commands, of the YAML and of the guest's service into this folder" },
	{ 0 },
};

/* The page of a command, NULL: of pith itself. */
static int write_page(const char *dir, const struct command *c, struct error *err)
{
	_cleanup_free_ char *path = c ? str_format("%s/pith-%s.1", dir, c->name) : str_format("%s/pith.1", dir);
	_cleanup_fclose_ FILE *to = path ? fopen(path, "we") : NULL;

	if (to && c)
		manual_command(c, &edition, to);
	else if (to)
		manual_program(commands, &edition, to);
	return !to || fflush(to) != 0 ? error_set(err, errno, "%s", path ? path : dir) : 0;
}

static int write_other(const char *dir, const char *name, void (*print)(const struct roff_edition *e, FILE *to),
		       struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);
	_cleanup_fclose_ FILE *to = path ? fopen(path, "we") : NULL;

	if (to)
		print(&edition, to);
	return !to || fflush(to) != 0 ? error_set(err, errno, "%s", path ? path : dir) : 0;
}

static int write_pages(const char *dir, struct error *err)
{
	size_t i;

	for (i = 0; i <= COMMANDS; i++) /* the last one is pith's own */
		if (write_page(dir, commands[i], err) < 0)
			return -1;
	return write_other(dir, "pith.yml.5", yaml_manual, err) < 0 ||
			write_other(dir, "service.8", service_manual, err) < 0
		? -1
		: 0;
}

static int help_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct help_wish wish = { 0 };
	int status = command_line(c, argv, &wish);
	const struct command *about;

	if (status >= 0)
		return status;
	if (wish.pages) {
		if (write_pages(wish.pages, &err) == 0)
			return 0;
		log_error("%s", error_text(&err));
		return 1;
	}
	if (!argv[1]) {
		print_usage(stdout);
		return 0;
	}
	about = find_command(argv[1], &err);
	if (!about)
		return command_refuse(&err);
	command_help(about, stdout);
	return 0;
}

static const char *const help_usage[] = { "[COMMAND]", NULL };

static const struct command help_command = {
	.name = "help",
	.summary = "tell about a command",
	.usage = help_usage,
	.text = "Tells about a command what its --help tells, or lists the commands.",
	.options = help_table,
	.run = help_main,
};

/* --- version ------------------------------------------------------------------------------------------------------ */

struct version_wish {
	bool number, commit;
};

static void print_version(const struct version_wish *wish)
{
	if (wish->number)
		puts(PITH_VERSION);
	else if (wish->commit)
		puts(PITH_COMMIT);
	else
		printf("%s version %s\ncommit: %s\n", program_invocation_short_name, PITH_VERSION, PITH_COMMIT);
}

static int version_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct version_wish wish = { 0 };
	int status = command_line(c, argv, &wish);

	if (status >= 0)
		return status;
	if (argv[1]) {
		error_set(&err, 0, "\"%s\": `pith version` takes options only", argv[1]);
		return command_refuse(&err);
	}
	print_version(&wish);
	return 0;
}

static const char *const version_usage[] = { "[--short|--commit]", NULL };

static const struct option version_table[] = {
	{ "short", .set = option_set_switch, .field = offsetof(struct version_wish, number),
	  .help = "only its number" },
	{ "commit", .set = option_set_switch, .field = offsetof(struct version_wish, commit),
	  .help = "only the commit that it was built from" },
	{ 0 },
};

static const struct command version_command = {
	.name = "version",
	.summary = "print the version of this program",
	.usage = version_usage,
	.text = "The version of this program and the commit that it was built from.",
	.options = version_table,
	.run = version_main,
};

/* --- completion --------------------------------------------------------------------------------------------------- */

static int completion_main(const struct command *c, char **argv)
{
	int status = command_line(c, argv, NULL);

	if (status >= 0)
		return status;
	if (argv[1] && !argv[2] && completion_print(argv[1], commands, stdout))
		return 0;
	log_error("completion of which shell? bash, zsh or fish");
	return 2;
}

static const char *const completion_usage[] = { "bash|zsh|fish", NULL };

static const struct command_verb completion_verbs[] = {
	{ "bash", NULL, "`source <(pith completion bash)`" },
	{ "zsh", NULL, "a file _pith in a folder of $fpath" },
	{ "fish", NULL, "`pith completion fish | source`" },
	{ 0 },
};

static const struct command completion_command = {
	.name = "completion",
	.summary = "print what a shell completes commands with",
	.usage = completion_usage,
	.text = "Prints what the shell reads to complete commands, options and their values.",
	.verbs = completion_verbs,
	.run = completion_main,
};

/* What was printed has to be where it was printed to: a full disk would leave half of it, which a script takes for the
 * whole. */
static int output_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (status == 0)
		log_error("standard output: %s", strerror(errno ? errno : EIO));
	return status == 0 ? 1 : status;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	bool version = false;
	const struct option_syntax syntax = {
		.tables = { { main_options, &version }, { global_options, NULL } },
		.help = "pith --help",
		.words_end = true,
	};
	const struct command *command;
	int r;

	io_fill_standard();
	log_setup("pith", LOG_LEVEL_INFO, false);
	if (argc == 0)
		return 2;
	r = option_parse(&syntax, argv, &err);
	if (r < 0)
		return command_refuse(&err);
	if (version)
		print_version(&(struct version_wish){ 0 });
	else if (r == OPTION_HELP)
		print_usage(stdout);
	else if (!argv[1])
		print_usage(stderr);
	if (version || r == OPTION_HELP || !argv[1])
		return output_finish(version || r == OPTION_HELP ? 0 : 2);
	command = find_command(argv[1], &err);
	return command ? output_finish(command->run(command, argv + 1)) : command_refuse(&err);
}
