/* What shells complete commands, options and their values with, from the tables. */
#pragma once

#include "command.h"

/* shell: bash, zsh or fish; commands is NULL-terminated. False: another shell. */
bool completion_print(const char *shell, const struct command *const *commands, FILE *to);
