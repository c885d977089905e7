/* What the containers wrote that ran once at the boot: `service logs onboot/NAME`. Times and order are not kept. */
#pragma once

#include <stdbool.h>

#include "error.h"

/* Whether a name is one of these ("onboot/NAME"). */
bool once_logs_named(const char *name);
/* Both streams on standard output, of each the last `tail` lines (negative: all). The name is the container's, with or
 * without "onboot/" and the number that gives its place in the boot. */
int once_logs_show(const char *name, long tail, struct error *err);
