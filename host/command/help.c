#include "help.h"

#include <string.h>

#include "command.h"
#include "str.h"

enum {
	LINE = 100,  /* a terminal is often wider than 80 columns, and what is longer it folds itself */
	LABELS = 24, /* the widest first column */
	INDENT = 2,
};

char *option_label(const struct option *o)
{
	char letter[] = { '-', o->letter, ',', ' ', '\0' };
	const char *before = !o->argument ? "" : o->value_optional ? " [" : " ";
	const char *argument = o->argument ? o->argument : "", *after = o->value_optional ? "]" : "";

	return str_format("%s--%s%s%s%s", o->letter ? letter : "", o->name, before, argument, after);
}

/* Words of n bytes of text, each line from column `indent` on; the cursor stands at column `at`. */
static void text_fill(const char *text, size_t n, int indent, int at, FILE *to)
{
	const char *end = text + n;
	bool first = true;

	while (text < end) {
		int length = (int)strcspn(text, " \n");

		if (text + length > end)
			length = (int)(end - text);
		if (length && !first && at + 1 + length > LINE) {
			fprintf(to, "\n%*s", indent, "");
			at = indent;
			first = true;
		}
		if (length) {
			fprintf(to, "%s%.*s", first ? "" : " ", length, text);
			at += length + !first;
			first = false;
		}
		text += length + 1;
	}
	fputc('\n', to);
}

void help_text(const char *text, FILE *to)
{
	while (*text) {
		size_t line = strcspn(text, "\n"), n = line;

		if (*text == ' ' || line == 0) {
			fprintf(to, "%.*s\n", (int)line, text);
		} else { /* lines up to an empty or an indented one are one paragraph */
			while (text[n] == '\n' && text[n + 1] && text[n + 1] != '\n' && text[n + 1] != ' ')
				n += 1 + strcspn(text + n + 1, "\n");
			text_fill(text, n, 0, 0, to);
		}
		text += n + (text[n] == '\n');
	}
}

void help_entry(const char *label, const char *help, int width, FILE *to)
{
	int column = INDENT + width + 2, n = fprintf(to, "%*s%s", INDENT, "", label);

	if (n > column - 2)
		fprintf(to, "\n%*s", column, "");
	else
		fprintf(to, "%*s", column - n, "");
	text_fill(help, strlen(help), column, column, to);
}

static int label_wider(int width, const char *label)
{
	int n = label ? (int)strlen(label) : 0;

	return n > width && n <= LABELS ? n : width;
}

void help_options(const struct option *options, FILE *to)
{
	const struct option *o;
	int width = 0;

	for (o = options; o->name; o++) {
		_cleanup_free_ char *label = option_label(o);

		width = o->help ? label_wider(width, label) : width;
	}
	for (o = options; o->name; o++) {
		_cleanup_free_ char *label = option_label(o);

		if (o->help)
			help_entry(label ? label : o->name, o->help, width, to);
	}
}

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

		width = v->help ? label_wider(width, label) : width;
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
