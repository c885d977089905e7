/* The command line of `service`, as its table (service_command.h) says. */
#pragma once

#include <stdbool.h>

#include "logs.h"
#include "service_command.h"
#include "usage.h"

struct options {
	struct service_options given;
	struct logs_options logs;
	struct usage_top top;
	char **args; /* the words that are no options */
};

/* Parses what follows argv[0], with one dash or two, as Go programs take them. c: the command whose options these are;
 * NULL: those before the command, which ends them. -1: go on; else the exit status: help was printed, or what is
 * wrong. */
int options_parse(const struct service_command *c, char **argv, struct options *o);
/* All commands, or one. */
void options_help(const struct service_command *c, FILE *to);
