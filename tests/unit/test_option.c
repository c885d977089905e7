/* Options as all commands take them. */
#include "option.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "globals.h"
#include "log.h"
#include "str.h"
#include "tap.h"

struct values {
	const char *mem, *file, *qemu;
	char **env;
	uint64_t lines;
	int kind;
	bool uefi, tty, help;
};

#define FIELD(name) offsetof(struct values, name)

static const char *const kinds[] = { "auto", "plain", NULL };

static const struct option table[] = {
	{ "mem", .argument = "SIZE", .set = option_set_text, .field = FIELD(mem) },
	{ "memory-file", .argument = "FILE", .set = option_set_text, .field = FIELD(file) },
	{ "uefi", .set = option_set_switch, .field = FIELD(uefi) },
	{ "qemu", .argument = "PATH", .set = option_set_text, .field = FIELD(qemu) },
	{ "tty", 't', .set = option_set_switch, .field = FIELD(tty) },
	{ "lines", 'n', .argument = "N", .set = option_set_number, .field = FIELD(lines), .min = 3, .max = 99 },
	{ "env", 'e', .argument = "NAME=VALUE", .set = option_set_list, .field = FIELD(env) },
	{ "initrd", .argument = "KIND", .set = option_set_choice, .field = FIELD(kind), .choices = kinds },
	{ "progress", .argument = "KIND", .set = option_set_nothing },
	{ 0 },
};

/* What was set, and behind a bar the words that are no options; else the error. */
static void show(FILE *to, const struct values *v, char **words)
{
	if (v->mem)
		fprintf(to, "mem=%s ", v->mem);
	if (v->file)
		fprintf(to, "file=%s ", v->file);
	if (v->qemu)
		fprintf(to, "qemu=%s ", v->qemu);
	if (v->lines)
		fprintf(to, "lines=%d ", (int)v->lines);
	for (char **e = v->env; e && *e; e++)
		fprintf(to, "env:%s ", *e);
	fprintf(to, "%s%s%s|", v->uefi ? "uefi " : "", v->tty ? "tty " : "", v->kind ? "plain " : "");
	while (*words)
		fprintf(to, " %s", *words++);
}

enum way { PLAIN, BEFORE_COMMAND, LETTERS };

static char *parse(const char *line, enum way way)
{
	_cleanup_free_ char *all = str_format("cmd %s", line);
	char **kept = strv_split(all, " "), *argv[32]; /* the words move in it */
	struct values v = { 0 };
	const struct option_syntax syntax = {
		.tables = { { table, &v }, { global_options, NULL } },
		.help = "pith cmd --help",
		.letters_cluster = way == LETTERS,
		.words_end = way != PLAIN,
	};
	struct error err = { 0 };
	char *out = NULL;
	size_t size;
	FILE *to = open_memstream(&out, &size);
	int r;

	log_setup("pith", LOG_LEVEL_INFO, false);
	memcpy(argv, kept, (strv_len(kept) + 1) * sizeof(*argv));
	r = option_parse(&syntax, argv, &err);
	if (r < 0)
		fprintf(to, "%s", err.msg);
	else if (r == OPTION_HELP)
		fprintf(to, "help");
	else
		show(to, &v, argv + 1);
	fclose(to);
	error_clear(&err);
	strv_free(v.env);
	strv_free(kept);
	return out;
}

static void plain_lines(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "-mem 5 a --mem=6 b", "mem=6 | a b" },
		{ "--uefi a --uefi=false -uefi=1", "uefi | a" },
		{ "a -- --mem b", "| a --mem b" },
		{ "- a", "| - a" },
		{ "-q a", "| a" },
		{ "-v 2 a", "| a" },
		{ "--verbose 0 a", "| a" },
		{ "-v a", "| a" },
		{ "-v=3 --quiet=false a", "| a" },
		{ "--help a", "help" },
		{ "-h", "help" },
		{ "--qemu -q a", "qemu=-q | a" },
		{ "--mem --uefi a", "mem=--uefi | a" },
		{ "--hyperkit x", "unknown option --hyperkit: `pith cmd --help` lists them" },
		{ "-hyperkit x", "unknown option -hyperkit: `pith cmd --help` lists them" },
		{ "-x=y z", "unknown option -x: `pith cmd --help` lists them" },
		{ "--uefy", "unknown option --uefy: did you mean --uefi?" },
		{ "--qem x", "unknown option --qem: did you mean --qemu?" },
		{ "--memory x", "unknown option --memory: did you mean --memory-file?" },
		{ "--uefi --uefi=F a", "| a" },
		{ "--lines 5 --e A=B -e C -n=7 --t=false a", "lines=7 env:A=B env:C | a" },
		{ "--initrd plain --progress x --progress=y a", "plain | a" },
		{ "--lines 2", "--lines 2: not a number from 3 to 99" },
		{ "--initrd zip", "--initrd zip: it is one of auto, plain" },
		{ "--tty=maybe", "--tty maybe: it is one of false, true" },
		{ "-tn 5", "unknown option -tn: `pith cmd --help` lists them" },
		{ "-n5", "unknown option -n5: `pith cmd --help` lists them" },
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
		_cleanup_free_ char *got = parse(cases[i].line, PLAIN);

		ok_str(got, cases[i].want, cases[i].line);
	}
	free(parse("--mem 1", PLAIN));
}

/* As Docker's users write letters. */
static void clusters(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "-tn 5 a -t", "lines=5 tty | a -t" },
		{ "-tn5 a", "lines=5 tty | a" },
		{ "-n=5 a", "lines=5 | a" },
		{ "-eA=B -teC a", "env:A=B env:C tty | a" },
		{ "-tq a", "tty | a" },
		{ "-th a", "help" },
		{ "-tx a", "unknown option -tx: `pith cmd --help` lists them" },
		{ "-hyperkit a", "unknown option -hyperkit: `pith cmd --help` lists them" },
		{ "-tn", "option -tn needs a value" },
	};
	size_t i;

	for (i = 0; i < array_len(cases); i++) {
		_cleanup_free_ char *got = parse(cases[i].line, LETTERS);

		ok_str(got, cases[i].want, cases[i].line);
	}
}

/* Labels in one column, what they mean in another, both filled. */
static void help(void)
{
	static const struct option rows[] = {
		{ "mem", .argument = "SIZE", .help = "memory" },
		{ "detached", 'd',
		  .help = "run in the background; the console goes to a file, and a second command with the name of "
			  "the "
			  "machine powers it down" },
		{ "verbose", .argument = "N", .value_optional = true, .help = "more" },
		{ "old", .argument = "X" },
		{ "a-name-as-long-as-this", .argument = "VALUE", .help = "below" },
		{ 0 },
	};
	static const struct command_verb verbs[] = { { "ls", NULL, "list" }, { "rm", "NAME...", "remove" }, { 0 } };
	static const char *const usage[] = { "[OPTION...] NAME", "--all", NULL };
	static const struct command c = {
		.name = "cmd",
		.usage = usage,
		.text = "Does it,\nand more.\n\n  as it is  written\nThe end.",
		.verbs = verbs,
		.options = rows,
	};
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *to = open_memstream(&out, &size);

	command_help(&c, to);
	fclose(to);
	ok_str(out,
	       "usage: pith cmd [OPTION...] NAME\n"
	       "       pith cmd --all\n"
	       "\n"
	       "Does it, and more.\n"
	       "\n"
	       "  as it is  written\n"
	       "The end.\n"
	       "\n"
	       "  ls          list\n"
	       "  rm NAME...  remove\n"
	       "\n"
	       "  --mem SIZE      memory\n"
	       "  -d, --detached  run in the background; the console goes to a file, and a second command with the\n"
	       "                  name of the machine powers it down\n"
	       "  --verbose [N]   more\n"
	       "  --a-name-as-long-as-this VALUE\n"
	       "                  below\n"
	       "\n"
	       "`pith --help` lists the options that every command takes.\n",
	       "help is filled from the tables");
}

static void effects(void)
{
	_cleanup_free_ char *a = parse("-v 2 x", PLAIN), *b = NULL, *c = NULL, *d = NULL;

	ok(log_shows(LOG_LEVEL_DEBUG), "-v 2 shows more");
	b = parse("-q x", PLAIN);
	ok(!log_shows(LOG_LEVEL_INFO), "-q shows errors only");
	setenv("LINUXKIT_MIRROR", "http://one", 1);
	c = parse("--mirror docker.io=https://two --cache /c x", PLAIN);
	ok_str(getenv("LINUXKIT_MIRROR"), "http://one,docker.io=https://two",
	       "mirrors are put behind those of the environment");
	ok_str(getenv("PITH_CACHE"), "/c", "the cache");
	d = parse("--cache /d run --mem 5", BEFORE_COMMAND);
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
		int r = option_switch(&table[2], cases[i].value, &on, &err);

		ok(r < 0 ? cases[i].want < 0 && err.msg : cases[i].want == on, "a switch that is %s",
		   cases[i].value ? cases[i].value : "only named");
		error_clear(&err);
	}
}

int main(void)
{
	plain_lines();
	clusters();
	effects();
	switches();
	help();
	return tap_done();
}
