/* Options as tables: one row an option. From its row come the parsing, the usage text, the manual page, the completion
 * of shells and the word that is meant by a wrong one.
 *
 * Options are taken as LinuxKit takes them: long names with one or two dashes, values behind "=" or as the next word,
 * switches as `--name`, `--name=true`, `--name=false`. Names are not abbreviated, since a letter that LinuxKit knows
 * must not become another option here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct option;

/* Takes one value. data: the struct of the table; value: NULL where a switch is only named, else as written. */
typedef int option_setter(void *data, const struct option *o, const char *value, struct error *err);

struct option {
	const char *name;     /* without dashes; NULL ends a table */
	char letter;          /* its short name; 0: none */
	bool value_optional;  /* a value is one digit, and may be left out */
	const char *argument; /* what help calls the value; NULL: a switch */
	const char *help;     /* NULL: taken, but shown nowhere */
	option_setter *set;   /* NULL: it asks for help, which ends the parsing */
	size_t field;         /* where the setters below put the value, in the struct of the table */
	uint64_t min, max;    /* of option_set_number */
	/* What the value may be, NULL-terminated: for option_set_choice, and for completion. */
	const char *const *choices;
};

/* The fields that they fill: */
option_setter option_set_switch;  /* bool */
option_setter option_set_text;    /* const char *, which points into argv */
option_setter option_set_list;    /* char **, a string vector with one more; the owner of the struct frees it */
option_setter option_set_number;  /* uint64_t, from min to max */
option_setter option_set_choice;  /* int or enum: the place of the word in `choices` */
option_setter option_set_nothing; /* none: the option has no effect */

/* The value of a switch: NULL is true, as Go's strconv.ParseBool else. */
int option_switch(const struct option *o, const char *value, bool *out, struct error *err);

struct option_table {
	const struct option *rows;
	void *data; /* the struct that its setters fill */
};

enum { OPTION_TABLES = 2 };

struct option_syntax {
	struct option_table tables[OPTION_TABLES];
	const char *help;     /* the command that lists the options, for errors: "pith run --help" */
	bool letters_cluster; /* -tn is -t -n, and -n5 is -n 5 */
	bool words_end;       /* the first word that is no option ends them, else options may stand behind words */
};

enum { OPTION_HELP = 1 };

/* Parses what follows argv[0] and moves the words that are no options to argv[1], NULL-terminated. 0, OPTION_HELP
 * where help is asked for, or -1. */
int option_parse(const struct option_syntax *syntax, char **argv, struct error *err);
