/* pith: builds and runs machine images from LinuxKit YAML files. This file only finds the command. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "io.h"
#include "log.h"
#include "store.h"
#include "str.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "build", cmd_build, "build a machine image from YAML files" },
	{ "cache", cmd_cache, "list, fetch, import and export images" },
	{ "exec", cmd_exec, "run a command in a service of a running machine" },
	{ "logs", cmd_manage, "show what a service wrote" },
	{ "metadata", cmd_metadata, "make a metadata image for a guest" },
	{ "pkg", cmd_pkg, "make images of packages" },
	{ "ps", cmd_manage, "list the services of a running machine" },
	{ "restart", cmd_manage, "restart a service" },
	{ "run", cmd_run, "boot a machine image in QEMU" },
	{ "start", cmd_manage, "start a service" },
	{ "stop", cmd_manage, "stop a service, or power a machine down" },
	{ "top", cmd_manage, "show what the services of a running machine use" },
	{ "vsock", cmd_vsock, "be the vsock device of a machine, without a kernel module" },
};

static void usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: pith [--verbose|--quiet] [--cache DIR] COMMAND [OPTION...] [ARGUMENT...]\n\n");
	for (i = 0; i < array_len(commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\n`pith COMMAND --help` tells a command's options.\n");
}

static int unknown(const char *name)
{
	size_t i, best = 0, distance = 3;

	for (i = 0; i < array_len(commands); i++) {
		size_t d = str_distance(name, commands[i].name, 2);

		if (d < distance) {
			distance = d;
			best = i;
		}
	}
	if (distance < 3)
		log_error("unknown command \"%s\": did you mean \"%s\"?", name, commands[best].name);
	else
		log_error("unknown command \"%s\": `pith --help` lists them", name);
	return 2;
}

/* LinuxKit's numbers: 0 errors, 1 as ever, 2 and 3 more. */
static enum log_level verbosity(char digit)
{
	return digit == '0' ? LOG_LEVEL_ERROR : digit == '1' ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

static bool is_verbosity(const char *s)
{
	return s && s[0] >= '0' && s[0] <= '3' && !s[1];
}

/* Options before the command; the index of the command. */
static int global_options(int argc, char **argv, enum log_level *level)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *name = argv[i] + (argv[i][1] == '-' ? 2 : 1), *value = strchr(name, '=');
		bool verbose = str_eq(name, "v") || str_eq(name, "verbose");

		if (verbose && is_verbosity(argv[i + 1]))
			*level = verbosity(argv[++i][0]);
		else if (verbose)
			*level = LOG_LEVEL_DEBUG;
		else if ((str_starts(name, "v=") || str_starts(name, "verbose=")) && is_verbosity(value + 1))
			*level = verbosity(value[1]);
		else if (str_eq(name, "q") || str_eq(name, "quiet"))
			*level = LOG_LEVEL_ERROR;
		else if (str_starts(name, "cache=") && value[1])
			store_set_default(value + 1);
		else if (str_eq(name, "cache") && argv[i + 1])
			store_set_default(argv[++i]);
		else
			break;
	}
	return i;
}

int main(int argc, char **argv)
{
	enum log_level level = LOG_LEVEL_INFO;
	int first = global_options(argc, argv, &level);
	size_t i;

	io_fill_standard();
	log_setup("pith", level, false);
	if (first >= argc) {
		usage(stderr);
		return 2;
	}
	if (str_eq(argv[first], "help") || str_eq(argv[first], "--help") || str_eq(argv[first], "-h") ||
	    str_eq(argv[first], "-help")) {
		usage(stdout);
		return 0;
	}
	if (argv[first][0] == '-') {
		log_error("unknown option \"%s\" before the command", argv[first]);
		return 2;
	}
	for (i = 0; i < array_len(commands); i++)
		if (str_eq(argv[first], commands[i].name))
			return commands[i].run(argc - first, argv + first);
	return unknown(argv[first]);
}
