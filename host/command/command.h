/* The commands of `pith`, one struct a command, and what all of them do alike: their options, the global ones, help,
 * words that are wrong.
 *
 * main.c lists the commands. Each lies in the room that does it, parses its own words, prints its own errors and
 * returns the exit status: 0, 1 for a failure, 2 for a command line that makes no sense. */
#pragma once

#include <stdio.h>

#include "option.h"

/* A word that says what a command does, as in `pith cache ls`. */
struct command_verb {
	const char *name;    /* NULL ends a table */
	const char *words;   /* what follows it in help; NULL: nothing */
	const char *help;    /* NULL: shown nowhere */
	const char *instead; /* what to do in place of it: LinuxKit or Docker has it, and pith has not */
};

struct command {
	const char *name;
	const char *summary; /* a line of `pith --help` */
	/* Paragraphs are parted by an empty line. A line that begins with a blank stays as it is, all others are
	 * filled. */
	const char *text;
	const char *const *usage;         /* what may follow the name, NULL-terminated */
	const struct command_verb *verbs; /* NULL: none */
	const char *names; /* a shell command that lists what its arguments may be, for completion; NULL: files */
	const struct option *options;    /* its own; NULL: none. The global ones are taken everywhere. */
	const char *more;                /* what help ends with, as `text`; NULL: nothing */
	bool letters_cluster, words_end; /* as in struct option_syntax */
	int (*run)(const struct command *c, char **argv); /* argv[0]: its name */
};

/* The commands, each where it is done. */
extern const struct command build_command, cache_command, exec_command, forward_command, logs_command, machine_command,
	metadata_command, pkg_command, ports_command, ps_command, push_command, report_command, restart_command,
	run_command, start_command, stop_command, top_command, update_command, vsock_command;

/* Parses the options into data and moves the words to argv[1]; 0, OPTION_HELP (see there) or -1. */
int command_parse(const struct command *c, char **argv, void *data, struct error *err);

/* The same for a run function: prints help and errors. -1: go on; else the exit status. */
int command_line(const struct command *c, char **argv, void *data);

/* Says why a command line is refused and returns the exit status: 2; 1 for what LinuxKit knows and pith does not make
 * (code ENOTSUP), which is no misuse. */
int command_refuse(const struct error *err);

/* The verb of that name; NULL with an error that says what was meant, or what to do instead. what: "pkg command". */
const struct command_verb *verb_find(const struct command_verb *verbs, const char *name, const char *help,
				     struct error *err);

void command_help(const struct command *c, FILE *to);
