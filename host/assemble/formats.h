/* The files that a build leaves behind, from the assembled tree. */
#pragma once

#include "assemble.h"
#include "options.h"

/* Writes every format asked for; each file is complete or not there. What tar and docker do not want split off (boot/)
 * is taken out of a->tree for the others. */
int formats_write(struct assembly *a, const struct build_options *o, const char *default_name, struct error *err);
