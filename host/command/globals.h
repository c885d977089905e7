/* Options as every command takes them: long ones with one or two dashes, values behind "=" or as the next word,
 * switches as `--name`, `--name=true`, `--name=false`. Names are not abbreviated, since a letter that LinuxKit knows
 * must not become another option here.
 *
 * LinuxKit's global options are taken before the command and among its own: what they say is kept in the environment,
 * where the cache ($PITH_CACHE), mirrors ($LINUXKIT_MIRROR) and, by skopeo, certificates ($SSL_CERT_FILE) are looked
 * for. */
#pragma once

#include <getopt.h>
#include <stdbool.h>

#include "error.h"

enum {
	OPTION_END = -1,
	OPTION_BAD = -2,
	/* behind all ids of commands */
	GLOBAL_CACHE = 0x1000,
	GLOBAL_MIRROR,
	GLOBAL_CERT_FILE,
	GLOBAL_QUIET,
	GLOBAL_VERBOSE,
	GLOBAL_HELP, /* the only one that the caller sees */
};

/* To be put into a command's table. */
/* clang-format off */
#define GLOBAL_OPTIONS \
	{ "cache", required_argument, NULL, GLOBAL_CACHE }, \
	{ "mirror", required_argument, NULL, GLOBAL_MIRROR }, \
	{ "cert-file", required_argument, NULL, GLOBAL_CERT_FILE }, \
	{ "quiet", optional_argument, NULL, GLOBAL_QUIET }, \
	{ "q", optional_argument, NULL, GLOBAL_QUIET }, \
	{ "verbose", optional_argument, NULL, GLOBAL_VERBOSE }, \
	{ "v", optional_argument, NULL, GLOBAL_VERBOSE }, \
	{ "help", no_argument, NULL, GLOBAL_HELP }, \
	{ "h", no_argument, NULL, GLOBAL_HELP }
/* clang-format on */

/* The next option of the command line by its id, its value in getopt's optarg; global ones are done. before_command:
 * stops at the first word that is no option, else words are put behind the options. help: the command that lists the
 * options, as "pith run --help". Set optind to 0 before the first call. Every option of the table has flag NULL; a
 * switch is optional_argument. */
int option_next(int argc, char **argv, const struct option *table, bool before_command, const char *help,
		struct error *err);

/* The value of a switch: NULL is true, as Go's strconv.ParseBool else. option: its name, for the error. */
int option_switch(const char *option, const char *value, bool *out, struct error *err);

/* The word of a NULL-terminated list that is nearest to a wrong one, NULL: none is near. */
const char *option_suggest(const char *wrong, const char *const *words);
