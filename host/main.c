/* pith: builds and runs machine images from LinuxKit YAML files. This file only finds the command. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "globals.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "version.h"

static int cmd_completion(int argc, char **argv);
static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "build", cmd_build, "build a machine image from YAML files" },
	{ "cache", cmd_cache, "list, fetch, import and export images" },
	{ "completion", cmd_completion, "print what a shell completes commands with" },
	{ "exec", cmd_exec, "run a command in a service of a running machine" },
	{ "help", cmd_help, "tell about a command" },
	{ "logs", cmd_manage, "show what a service wrote" },
	{ "metadata", cmd_metadata, "make a metadata image for a guest" },
	{ "pkg", cmd_pkg, "make images of packages" },
	{ "ps", cmd_manage, "list the services of a running machine" },
	{ "restart", cmd_manage, "restart a service" },
	{ "run", cmd_run, "boot a machine image in QEMU" },
	{ "start", cmd_manage, "start a service" },
	{ "stop", cmd_manage, "stop a service, or power a machine down" },
	{ "top", cmd_manage, "show what the services of a running machine use" },
	{ "version", cmd_version, "print the version of this program" },
	{ "vsock", cmd_vsock, "be the vsock device of a machine, without a kernel module" },
};

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: pith [OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n\n");
	for (i = 0; i < array_len(commands); i++)
		fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
	fprintf(to,
		"\n"
		"`pith help COMMAND` tells a command's options. Before all commands, and among the options of "
		"build,\n"
		"cache, pkg and run:\n\n"
		"  --quiet, -q            errors only\n"
		"  --verbose [N], -v [N]  0: errors, 1: as ever, 2 and 3: more\n"
		"  --cache DIR            the image cache\n"
		"  --mirror [REGISTRY=]URL  pull from there; again for more, and $LINUXKIT_MIRROR (with commas)\n"
		"  --cert-file FILE       trust these certificates (PEM) of registries, too; again for more\n");
}

static const struct command *find(const char *name)
{
	const char *names[array_len(commands) + 1] = { 0 }, *near;
	size_t i;

	for (i = 0; i < array_len(commands); i++) {
		names[i] = commands[i].name;
		if (str_eq(name, commands[i].name))
			return &commands[i];
	}
	near = option_suggest(name, names);
	if (near)
		log_error("unknown command \"%s\": did you mean \"%s\"?", name, near);
	else
		log_error("unknown command \"%s\": `pith --help` lists them", name);
	return NULL;
}

/* `pith help [COMMAND]` */
static int cmd_help(int argc, char **argv)
{
	const struct command *c = argc > 1 && *argv[1] != '-' ? find(argv[1]) : NULL;

	if (argc > 1 && *argv[1] != '-') {
		char *words[] = { c ? (char *)c->name : NULL, (char *)"--help", NULL };

		return c ? c->run(2, words) : 2;
	}
	usage(stdout);
	return 0;
}

static const struct option global_table[] = { GLOBAL_OPTIONS, { "version", no_argument, NULL, 1 }, { 0 } };

static int cmd_version(int argc, char **argv)
{
	static const struct option table[] = {
		{ "short", optional_argument, NULL, 1 }, { "commit", optional_argument, NULL, 2 }, GLOBAL_OPTIONS, { 0 }
	};
	_cleanup_error_ struct error err = { 0 };
	bool only_version = false, only_commit = false;
	int c;

	optind = 0;
	while ((c = option_next(argc, argv, table, false, "pith version --help", &err)) != OPTION_END) {
		if (c == GLOBAL_HELP) {
			puts("usage: pith version [--short|--commit]\n\nThe version of this program, or only its "
			     "number, or only the commit it was built from.");
			return 0;
		}
		if (c == OPTION_BAD ||
		    option_switch(table[c - 1].name, optarg, c == 1 ? &only_version : &only_commit, &err) < 0) {
			log_error("%s", error_text(&err));
			return 2;
		}
	}
	if (only_version)
		puts(PITH_VERSION);
	else if (only_commit)
		puts(PITH_COMMIT);
	else
		printf("%s version %s\ncommit: %s\n", program_invocation_short_name, PITH_VERSION, PITH_COMMIT);
	return 0;
}

/* --- completion --------------------------------------------------------------------------------------------------- */

static void words(const char *separator)
{
	size_t i;

	for (i = 0; i < array_len(commands); i++)
		printf("%s%s", i ? separator : "", commands[i].name);
}

/* Options come from the command's help, which lists them all. */
static void complete_bash(void)
{
	printf("_pith() {\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} command i\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac\n"
	       "\tdone\n"
	       "\tif [[ -z $command && $word != -* ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W '");
	words(" ");
	printf("' -- \"$word\"))\n"
	       "\telif [[ $word == -* ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" $command --help 2>/dev/null |\n"
	       "\t\t\tgrep -oE -- '--[a-z][a-z-]*')\" -- \"$word\"))\n"
	       "\tfi\n"
	       "}\n"
	       "complete -o default -F _pith pith linuxkit\n");
}

static void complete_zsh(void)
{
	printf("#compdef pith linuxkit\nautoload -Uz bashcompinit && bashcompinit\n");
	complete_bash();
}

static void complete_fish(void)
{
	size_t i;

	for (i = 0; i < array_len(commands); i++)
		printf("complete -c pith -n __fish_use_subcommand -a %s -d '%s'\n", commands[i].name, commands[i].help);
	printf("complete -c pith -n 'not __fish_use_subcommand' -a \"(pith (commandline -opc)[2] --help 2>/dev/null | "
	       "string match -rag -- '--[a-z][a-z-]*')\"\n");
}

static int cmd_completion(int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = { { "bash", complete_bash }, { "zsh", complete_zsh }, { "fish", complete_fish } };
	size_t i;

	if (argc == 2 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-help") || str_eq(argv[1], "-h"))) {
		puts("usage: pith completion bash|zsh|fish\n\nPrints what the shell reads to complete commands and "
		     "options, as in `source <(pith completion bash)`.");
		return 0;
	}
	for (i = 0; argc == 2 && i < array_len(shells); i++) {
		if (!str_eq(argv[1], shells[i].shell))
			continue;
		shells[i].print();
		return 0;
	}
	log_error("completion of which shell? bash, zsh or fish");
	return 2;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	const struct command *command;
	int c;

	io_fill_standard();
	log_setup("pith", LOG_LEVEL_INFO, false);
	optind = 0;
	while ((c = option_next(argc, argv, global_table, true, "pith --help", &err)) != OPTION_END) {
		if (c == OPTION_BAD) {
			log_error("%s", error_text(&err));
			return 2;
		}
		if (c != GLOBAL_HELP)
			return cmd_version(1, argv);
		usage(stdout);
		return 0;
	}
	if (optind >= argc) {
		usage(stderr);
		return 2;
	}
	argc -= optind;
	argv += optind;
	command = find(argv[0]);
	return command ? command->run(argc, argv) : 2;
}
