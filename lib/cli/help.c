#include "help.h"

#include <string.h>

#include "buf.h"
#include "option.h"
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

char *option_synopsis(const struct option *options)
{
	_cleanup_buf_ struct buf b = { 0 };
	const struct option *o;
	int r = 0;

	for (o = options; o->name && r == 0; o++) {
		char letter[] = { o->letter, '\0' };

		if (!o->help || !o->set)
			continue;
		r = buf_addf(&b, "%s[%s%s%s%s]", b.len ? " " : "", o->letter ? "-" : "--", o->letter ? letter : o->name,
			     o->argument ? " " : "", o->argument ? o->argument : "");
	}
	return r == 0 ? strdup(buf_text(&b)) : NULL;
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

int help_wider(int width, const char *label)
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

		width = o->help ? help_wider(width, label) : width;
	}
	for (o = options; o->name; o++) {
		_cleanup_free_ char *label = option_label(o);

		if (o->help)
			help_entry(label ? label : o->name, o->help, width, to);
	}
}

void help_program(const char *name, const char *words, const char *text, const struct option *options, FILE *to)
{
	_cleanup_free_ char *synopsis = option_synopsis(options);

	fprintf(to, "usage: %s %s%s%s\n\n", name, synopsis ? synopsis : "[OPTION...]", words ? " " : "",
		words ? words : "");
	help_text(text, to);
	fputc('\n', to);
	help_options(options, to);
}
