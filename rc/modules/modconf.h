/* What says which kernel modules are loaded how: modprobe.d(5) files, modules.softdep, the kernel command line, and
 * lists of modules as modules-load.d(5) has them. Module names are kept with '_' for '-'. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct modconf {
	char **blacklist; /* names */
	char **options;   /* "name text" */
	char **needs;     /* "name needed": to be loaded before, from "softdep name pre: needed" */
};

void modconf_clear(struct modconf *conf);
#define _cleanup_modconf_ _cleanup_(modconf_clear)

/* The lines `blacklist`, `options` and `softdep` of a file of /etc/modprobe.d; others are passed over. -1: no memory.
 */
int modconf_parse(struct modconf *conf, const char *text, size_t size);

/* The kernel command line's "modprobe.blacklist=name,name" and "name.option=value". -1: no memory. */
int modconf_parse_cmdline(struct modconf *conf, const char *cmdline);

/* Names of a file of /etc/modules-load.d: one a line, comments start with # or ;. -1: no memory. */
int modconf_parse_list(const char *text, size_t size, char ***names);

/* Puts '_' for '-', outside of brackets, which hold ranges. */
void modconf_normalise(char *name);

/* All options of a module, joined with blanks; "" if it has none, NULL without memory. Caller frees. */
char *modconf_options(const struct modconf *conf, const char *name);
