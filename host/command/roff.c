#include "roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { INDENT = 2 }; /* of lines that stay as they are */

/* What roff would take for a request or a sign of its own is written as a character. */
static void put_character(char c, FILE *to)
{
	switch (c) {
	case '\\':
		fputs("\\e", to);
		break;
	case '-':
		fputs("\\-", to);
		break;
	case '\'':
		fputs("\\(aq", to);
		break;
	case '^':
		fputs("\\(ha", to);
		break;
	case '~':
		fputs("\\(ti", to);
		break;
	default:
		fputc(c, to);
	}
}

static void put_text(const char *text, size_t n, FILE *to)
{
	bool bold = false;
	size_t i;

	if (n && *text == '.')
		fputs("\\&", to);
	for (i = 0; i < n; i++) {
		if (text[i] == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", to);
		} else {
			put_character(text[i], to);
		}
	}
}

static void put_line(const char *text, size_t n, FILE *to)
{
	put_text(text, n, to);
	fputc('\n', to);
}

static void put_upper(const char *text, FILE *to)
{
	for (; *text; text++)
		put_character((char)toupper((unsigned char)*text), to);
}

void roff_begin(const char *name, const char *section, const struct roff_edition *edition, FILE *to)
{
	fputs(".TH ", to);
	put_upper(name, to);
	/* Left-aligned: lines that end before a long word are not stretched. */
	fprintf(to, " %s %s \"pith %s\"\n.ad l\n", section, edition->date, edition->version);
}

void roff_heading(const char *text, FILE *to)
{
	fprintf(to, ".SH %s\n", text);
}

void roff_subheading(const char *text, FILE *to)
{
	fputs(".SS ", to);
	put_line(text, strlen(text), to);
}

void roff_text(const char *text, FILE *to)
{
	bool begun = false, kept = false, parted = false;

	for (; *text; text += *text == '\n') {
		size_t n = strcspn(text, "\n");
		bool keep = n >= INDENT && strncmp(text, "  ", INDENT) == 0;

		if (kept && !keep)
			fputs(".fi\n.RE\n", to);
		if (n && !keep && begun && (parted || kept))
			fputs(".PP\n", to);
		if (keep && !kept)
			fputs(begun ? ".PP\n.RS\n.nf\n" : ".RS\n.nf\n", to);
		if (n) {
			put_line(text + (keep ? INDENT : 0), n - (keep ? INDENT : 0), to);
			begun = true;
		}
		parted = n == 0;
		kept = keep;
		text += n;
	}
	if (kept)
		fputs(".fi\n.RE\n", to);
}

void roff_entry(const char *label, const char *text, FILE *to)
{
	fputs(".TP\n\\fB", to);
	put_text(label, strlen(label), to);
	fputs("\\fR\n", to);
	put_line(text, strlen(text), to);
}

void roff_synopsis(const char *name, const char *rest, bool first, FILE *to)
{
	fputs(first ? "\\fB" : ".br\n\\fB", to);
	put_text(name, strlen(name), to);
	fputs("\\fR ", to);
	put_line(rest, strlen(rest), to);
}
