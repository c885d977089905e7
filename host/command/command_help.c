#include "command_help.h"

#include "command.h"
#include "help.h"
#include "str.h"

char *verb_label(const struct command_verb *v)
{
	return str_format("%s%s%s", v->name, v->words ? " " : "", v->words ? v->words : "");
}

void help_verbs(const struct command_verb *verbs, FILE *to)
{
	const struct command_verb *v;
	int width = 0;

	for (v = verbs; v->name; v++) {
		_cleanup_free_ char *label = verb_label(v);

		width = v->help ? help_wider(width, label) : width;
	}
	for (v = verbs; v->name; v++) {
		_cleanup_free_ char *label = verb_label(v);

		if (v->help)
			help_entry(label ? label : v->name, v->help, width, to);
	}
}

void command_help(const struct command *c, FILE *to)
{
	size_t i;

	for (i = 0; c->usage[i]; i++)
		fprintf(to, "%s pith %s%s%s\n", i ? "      " : "usage:", c->name, *c->usage[i] ? " " : "", c->usage[i]);
	fputc('\n', to);
	help_text(c->text, to);
	if (c->verbs) {
		fputc('\n', to);
		help_verbs(c->verbs, to);
	}
	if (c->options) {
		fputc('\n', to);
		help_options(c->options, to);
	}
	if (c->more) {
		fputc('\n', to);
		help_text(c->more, to);
	}
	fputs("\n`pith --help` lists the options that every command takes.\n", to);
}
