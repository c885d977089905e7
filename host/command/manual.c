#include "manual.h"

#include "command_help.h"
#include "globals.h"
#include "help.h"
#include "str.h"

static const struct {
	const char *name, *help;
} variables[] = {
	{ "PITH_CACHE, LINUXKIT_CACHE", "The image cache, as with `--cache`." },
	{ "PITH_CACHE_PLAIN",
	  "How much of the disk layers without their compression may take in it: `500M`, `0`; 2G at most otherwise." },
	{ "PITH_IMAGES",
	  "Where the images lie that came with the program, as archives pith/NAME:TAG.tar; share/pith/images "
	  "beside the program's folder." },
	{ "LINUXKIT_MIRROR", "Where to pull images from, as with `--mirror`; several with commas." },
	{ "LINUXKIT_PKG_ORG", "The organisation of packages, as with `--org` of `pith pkg`." },
	{ "LINUXKIT_QEMU_ACCEL", "How QEMU runs guests, as with `--accel` of `pith run`." },
	{ "SSL_CERT_FILE", "Certificates of registries, beside those of `--cert-file`." },
	{ "XDG_CACHE_HOME", "Where `pith` keeps what it can make again: its folder pith, or ~/.cache/pith." },
};

static void manual_options(const char *heading, const struct option *options, FILE *to)
{
	const struct option *o;

	roff_heading(heading, to);
	for (o = options; o->name; o++) {
		_cleanup_free_ char *label = option_label(o);

		if (o->help)
			roff_entry(label ? label : o->name, o->help, to);
	}
}

static void manual_verbs(const struct command_verb *verbs, FILE *to)
{
	const struct command_verb *v;

	roff_heading("COMMANDS", to);
	for (v = verbs; v->name; v++) {
		_cleanup_free_ char *label = verb_label(v);

		if (v->help)
			roff_entry(label ? label : v->name, v->help, to);
	}
}

static void manual_status(FILE *to)
{
	roff_heading("EXIT STATUS", to);
	roff_entry("0", "It is done.", to);
	roff_entry("1", "It failed, or the input is not valid; standard error says why.", to);
	roff_entry("2", "The command line makes no sense.", to);
}

void manual_command(const struct command *c, const struct roff_edition *edition, FILE *to)
{
	_cleanup_free_ char *page = str_format("pith-%s", c->name), *name = str_format("pith %s", c->name);
	size_t i;

	if (!page || !name)
		return;
	roff_begin(page, "1", edition, to);
	roff_heading("NAME", to);
	fprintf(to, "pith\\-%s \\- %s\n", c->name, c->summary);
	roff_heading("SYNOPSIS", to);
	for (i = 0; c->usage[i]; i++)
		roff_synopsis(name, c->usage[i], i == 0, to);
	roff_heading("DESCRIPTION", to);
	roff_text(c->text, to);
	if (c->verbs)
		manual_verbs(c->verbs, to);
	if (c->options)
		manual_options("OPTIONS", c->options, to);
	roff_heading("GLOBAL OPTIONS", to);
	roff_text("Every command takes the options that pith(1) lists.", to);
	if (c->more) {
		roff_heading("NOTES", to);
		roff_text(c->more, to);
	}
	manual_status(to);
	roff_heading("SEE ALSO", to);
	roff_text("pith(1), pith.yml(5)", to);
}

void manual_program(const struct command *const *commands, const struct roff_edition *edition, FILE *to)
{
	size_t i;

	roff_begin("pith", "1", edition, to);
	roff_heading("NAME", to);
	fputs("pith \\- build and run machine images from LinuxKit YAML files\n", to);
	roff_heading("SYNOPSIS", to);
	roff_synopsis("pith", "[OPTION...] COMMAND [OPTION...] [ARGUMENT...]", true, to);
	roff_heading("DESCRIPTION", to);
	roff_text(
		"pith makes images of virtual machines from YAML files, boots them under QEMU, and reaches into those "
		"that run. Each command has a manual page of its own, as pith-run(1), and tells its options with "
		"`--help`, too.",
		to);
	roff_heading("COMMANDS", to);
	for (i = 0; commands[i]; i++)
		roff_entry(commands[i]->name, commands[i]->summary, to);
	manual_options("OPTIONS", global_options, to);
	roff_heading("ENVIRONMENT", to);
	for (i = 0; i < array_len(variables); i++)
		roff_entry(variables[i].name, variables[i].help, to);
	manual_status(to);
	roff_heading("SEE ALSO", to);
	roff_text("pith.yml(5), service(8)", to);
}
