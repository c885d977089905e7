/* Files of YAML into a configuration. */
#pragma once

#include "model.h"

/* What "@pkg:DIRECTORY" stands for; NULL on failure. directory is absolute or relative to the working directory. */
struct package_resolver {
	char *(*resolve)(const char *directory, void *data, struct error *err);
	void *data;
};

/* Reads one file: parses, checks it by itself and appends the good entries, so that config_check() finds as much as can
 * be found in one run. What is wrong goes into c->diags. name: for messages. dir: what "@pkg:" paths are relative to,
 * NULL: such names are refused; packages may be NULL too. Takes text (allocated). */
void config_add(struct config *c, const char *name, char *text, size_t len, const char *dir,
		const struct package_resolver *packages);
