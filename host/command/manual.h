/* The manual pages of `pith` and of its commands, from the tables that their help comes from. */
#pragma once

#include "command.h"
#include "roff.h"

/* pith(1); commands is NULL-terminated. */
void manual_program(const struct command *const *commands, const struct roff_edition *edition, FILE *to);
/* pith-NAME(1) */
void manual_command(const struct command *c, const struct roff_edition *edition, FILE *to);
