/* What help prints of a command's verbs. */
#pragma once

#include <stdio.h>

struct command_verb;

/* "rm NAME..." */
char *verb_label(const struct command_verb *v);
void help_verbs(const struct command_verb *verbs, FILE *to);
