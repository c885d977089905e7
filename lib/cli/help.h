/* What --help prints, from the tables of options. */
#pragma once

#include <stdio.h>

struct option;

/* "-d, --detached", "--mem SIZE". Caller frees; NULL without memory. */
char *option_label(const struct option *o);
/* "[-f] [-n LINES] [--since TIME]": the options that help shows, but for --help itself. Caller frees; NULL without
 * memory. */
char *option_synopsis(const struct option *options);

/* Paragraphs, filled to the width of a terminal; lines that begin with a blank as they are. */
void help_text(const char *text, FILE *to);
/* One line or more an entry: its label, and in a second column what it means. width: of the first column. */
void help_entry(const char *label, const char *help, int width, FILE *to);
/* The width of the first column when this label is in it, too. One that is very long does not count: it has a line of
 * its own. */
int help_wider(int width, const char *label);
void help_options(const struct option *options, FILE *to);
/* All that a program without commands prints: "usage: NAME SYNOPSIS WORDS", what it does, its options. words: what
 * follows the options; NULL: nothing. */
void help_program(const char *name, const char *words, const char *text, const struct option *options, FILE *to);
