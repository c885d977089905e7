/* What --help prints, from the tables. */
#pragma once

#include <stdio.h>

struct option;
struct command_verb;

/* "-d, --detached", "--mem SIZE". Caller frees; NULL without memory. */
char *option_label(const struct option *o);
/* "rm NAME..." */
char *verb_label(const struct command_verb *v);

/* Paragraphs, filled to the width of a terminal; lines that begin with a blank as they are. */
void help_text(const char *text, FILE *to);
/* One line or more an entry: its label, and in a second column what it means. width: of the first column. */
void help_entry(const char *label, const char *help, int width, FILE *to);
void help_options(const struct option *options, FILE *to);
void help_verbs(const struct command_verb *verbs, FILE *to);
