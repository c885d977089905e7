/* Options as all commands take them. */
#include "globals.h"

#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "str.h"
#include "tap.h"

static const struct option table[] = {
	{ "mem", required_argument, NULL, 1 },
	{ "memory-file", required_argument, NULL, 2 },
	{ "uefi", optional_argument, NULL, 3 },
	{ "qemu", required_argument, NULL, 4 },
	GLOBAL_OPTIONS,
	{ 0 },
};

/* A command line as "ID=VALUE ..." and, behind a bar, its other words; else the error. */
static char *parse(const char *line, bool before_command)
{
	_cleanup_free_ char *all = str_format("cmd %s", line);
	char **argv = strv_split(all, " ");
	int argc = (int)strv_len(argv), id;
	struct error err = { 0 };
	char *out = NULL;
	size_t size;
	FILE *to = open_memstream(&out, &size);

	log_setup("pith", LOG_LEVEL_INFO, false);
	optind = 0;
	while ((id = option_next(argc, argv, table, before_command, "pith cmd --help", &err)) >= 0)
		fprintf(to, "%s%s%s ", id == GLOBAL_HELP ? "help" : table[id - 1].name, optarg ? "=" : "",
			optarg ? optarg : "");
	if (id == OPTION_BAD)
		fprintf(to, "%s", err.msg);
	else
		fprintf(to, "|");
	while (id == OPTION_END && optind < argc)
		fprintf(to, " %s", argv[optind++]);
	fclose(to);
	error_clear(&err);
	strv_free(argv);
	return out;
}

static void lines(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "-mem 5 a --mem=6 b", "mem=5 mem=6 | a b" },
		{ "--uefi a --uefi=false -uefi=1", "uefi uefi=false uefi=1 | a" },
		{ "a -- --mem b", "| a --mem b" },
		{ "- a", "| - a" },
		{ "-q a", "| a" },
		{ "-v 2 a", "| a" },
		{ "--verbose 0 a", "| a" },
		{ "-v a", "| a" },
		{ "-v=3 --quiet=false a", "| a" },
		{ "--help a", "help | a" },
		{ "-h", "help |" },
		{ "--qemu -q a", "qemu=-q | a" },
		{ "--mem --uefi a", "mem=--uefi | a" },
		{ "--hyperkit x", "unknown option --hyperkit: `pith cmd --help` lists them" },
		{ "-hyperkit x", "unknown option -hyperkit: `pith cmd --help` lists them" },
		{ "-x=y z", "unknown option -x: `pith cmd --help` lists them" },
		{ "--uefy", "unknown option --uefy: did you mean --uefi?" },
		{ "--qem x", "unknown option --qem: did you mean --qemu?" },
		{ "--memory x", "unknown option --memory: did you mean --memory-file?" },
		{ "a --mem", "option --mem needs a value" },
		{ "-v 7", "--verbose 7: it is one of 0, 1, 2, 3" },
		{ "--verbose=x", "--verbose x: it is one of 0, 1, 2, 3" },
		{ "--quiet=maybe", "--quiet maybe: it is one of false, true" },
		{ "--mirror docker.io=m.example a",
		  "--mirror docker.io=m.example: write [REGISTRY=]URL, as in docker.io=https://mirror.example" },
		{ "--cert-file /nowhere/x a", "--cert-file: /nowhere/x: No such file or directory" },
		{ "--cert-file /dev/null a", "--cert-file /dev/null: there is no certificate in it (PEM)" },
	};
	size_t i;

	for (i = 0; i < array_len(cases); i++) {
		_cleanup_free_ char *got = parse(cases[i].line, false);

		ok_str(got, cases[i].want, cases[i].line);
	}
	free(parse("--mem 1", false));
}

static void effects(void)
{
	_cleanup_free_ char *a = parse("-v 2 x", false), *b = NULL, *c = NULL, *d = NULL;

	ok(log_shows(LOG_LEVEL_DEBUG), "-v 2 shows more");
	b = parse("-q x", false);
	ok(!log_shows(LOG_LEVEL_INFO), "-q shows errors only");
	setenv("LINUXKIT_MIRROR", "http://one", 1);
	c = parse("--mirror docker.io=https://two --cache /c x", false);
	ok_str(getenv("LINUXKIT_MIRROR"), "http://one,docker.io=https://two",
	       "mirrors are put behind those of the environment");
	ok_str(getenv("PITH_CACHE"), "/c", "the cache");
	d = parse("--cache /d run --mem 5", true);
	ok_str(d, "| run --mem 5", "before a command what follows it is its own");
}

static void switches(void)
{
	static const struct {
		const char *value;
		int want;
	} cases[] = { { NULL, 1 },    { "true", 1 }, { "1", 1 },    { "T", 1 }, { "false", 0 },
		      { "False", 0 }, { "0", 0 },    { "yes", -1 }, { "", -1 } };
	struct error err = { 0 };
	size_t i;
	bool on;

	for (i = 0; i < array_len(cases); i++) {
		int r = option_switch("x", cases[i].value, &on, &err);

		ok(r < 0 ? cases[i].want < 0 && err.msg : cases[i].want == on, "a switch that is %s",
		   cases[i].value ? cases[i].value : "only named");
		error_clear(&err);
	}
}

int main(void)
{
	lines();
	effects();
	switches();
	return tap_done();
}
