/* Build arguments of a Dockerfile: from build.yml, from files, and those that LinuxKit gives every build. */
#pragma once

#include "error.h"

/* Sets NAME=VALUE in the vector, instead of what the name had. */
int build_args_set(char ***args, const char *name, const char *value, struct error *err);

/* Adds what a text says, NAME=VALUE. A value @lkt:pkg:FOLDER is the name of that folder's package, as pith pkg show-tag
 * says it; @lkt:pkgs:PATTERN, with a % in NAME, is one argument for each package whose folder the pattern fits, the %
 * filled in with its image's name (LINUXKIT_INIT for linuxkit/init). Relative folders are those below `dir`. */
int build_args_add(char ***args, const char *text, const char *dir, struct error *err);

/* Adds the lines of a file, whose folders are relative to its own. Empty lines and those that begin with # are passed
 * over, blanks around names and values are not theirs. */
int build_args_read(char ***args, const char *path, struct error *err);
