/* Which machine the user means, and the way to its agent. */
#pragma once

#include <stdbool.h>

#include "error.h"

/* The state directory: `name` itself, "NAME-state" for the name that `pith run` was given, or that of the machine which
 * `pith machine` calls so. Caller frees; NULL: there is no such machine. */
char *place_find(const char *name, struct error *err);

/* Whether a directory is a machine's. */
bool place_is_state(const char *dir);

/* A connection to the agent, non-blocking; what is wrong with the machine when there is none. That no agent listens
 * shows only when the connection ends at once: place_silent() then says why that may be. */
int place_connect(const char *dir, struct error *err);
int place_silent(const char *dir, struct error *err);

/* How many seconds more a machine may take to boot before whoever asks is told that nobody answers; 0 when it has run
 * for longer than a boot takes ($PITH_WAIT, a minute), or does not run. */
unsigned place_patience(const char *dir);
