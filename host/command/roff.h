/* Manual pages in roff, with the macros of man(7). Words in `backquotes` are set in bold. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* What all pages of one version have in common. */
struct roff_edition {
	const char *version, *date; /* "0.1", "2026-01-31" */
};

void roff_begin(const char *name, const char *section, const struct roff_edition *edition, FILE *to);
void roff_heading(const char *text, FILE *to);
void roff_subheading(const char *text, FILE *to);
/* Paragraphs; lines that begin with a blank stay as they are. */
void roff_text(const char *text, FILE *to);
/* A label in bold, and below it what it means. */
void roff_entry(const char *label, const char *text, FILE *to);
/* One line of a synopsis: a program's name in bold, and what may follow it. */
void roff_synopsis(const char *name, const char *rest, bool first, FILE *to);
