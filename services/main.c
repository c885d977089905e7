/* service: LinuxKit's command by this name, and the links of /etc/init.d and /etc/shutdown.d that lead to it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmdline.h"
#include "log.h"
#include "onboot.h"
#include "str.h"
#include "volumes.h"

struct options {
	const char *path;
	const char *runtime;
};

/* Options of the commands that the init scripts' names stand for; one or two dashes. */
static int options_parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "path", required_argument, NULL, 'p' },
		{ "runtime", required_argument, NULL, 'r' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long_only(argc, argv, "", known, NULL)) != -1) {
		if (c == 'p')
			o->path = optarg;
		else if (c == 'r')
			o->runtime = optarg;
		else
			return -1;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[optind]);
		return -1;
	}
	return 0;
}

static int run_once(const char *kind, bool shutdown, struct options *opt)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf cmdline = { 0 };
	struct onboot o = { .kind = kind, .path = opt->path, .shutdown = shutdown };
	int failed;

	/* Without /proc there are no switches. */
	cmdline_read(&cmdline, NULL);
	o.runtime.debug = cmdline_has(buf_text(&cmdline), "linuxkit.runc_debug=1");
	o.live = cmdline_has(buf_text(&cmdline), "linuxkit.runc_console=1");
	log_setup(shutdown ? "onshutdown" : "onboot", o.runtime.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, true);
	o.runtime.path = opt->runtime;
	failed = onboot_run(&o, &err);
	if (failed < 0)
		log_error("%s", error_text(&err));
	return failed != 0;
}

static int cmd_onboot(int argc, char **argv)
{
	struct options opt = { .path = "/containers/onboot" };

	return options_parse(argc, argv, &opt) < 0 ? 1 : run_once("onboot", false, &opt);
}

static int cmd_onshutdown(int argc, char **argv)
{
	struct options opt = { .path = "/containers/onshutdown" };

	return options_parse(argc, argv, &opt) < 0 ? 1 : run_once("shutdown", true, &opt);
}

static int cmd_volumes(int argc, char **argv)
{
	struct options opt = { .path = "/containers/volumes" };
	_cleanup_error_ struct error err = { 0 };
	int failed;

	if (options_parse(argc, argv, &opt) < 0)
		return 1;
	log_setup("volumes", LOG_LEVEL_INFO, true);
	failed = volumes_mount(opt.path, &err);
	if (failed < 0)
		log_error("%s", error_text(&err));
	return failed != 0;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "onboot", cmd_onboot },
	{ "onshutdown", cmd_onshutdown },
	{ "volumes", cmd_volumes },
};

static const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < array_len(commands); i++)
		if (str_ends(name, commands[i].name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const char *base = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const struct command *c;

	if (argc < 1)
		return 1;
	base = base ? base + 1 : argv[0];
	/* By a script's name ("010-onboot"), else by the first argument. */
	c = command_find(base);
	if (c)
		return c->run(argc, argv);
	c = argc > 1 ? command_find(argv[1]) : NULL;
	if (c)
		return c->run(argc - 1, argv + 1);
	fprintf(stderr, "usage: %s onboot|onshutdown|volumes [--path DIR] [--runtime PROGRAM]\n", base);
	return 1;
}
