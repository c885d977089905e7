/* What the containers wrote that ran once: `service logs onboot/NAME`, `onshutdown/NAME`. */
#pragma once

#include <stdbool.h>

#include "error.h"

/* Whether a name is one of these ("onboot/NAME"). */
bool once_logs_named(const char *name);
/* Both streams on standard output, of each the last `lines` lines (0: all). NAME is the container's, with or without
 * the number that gives its place in the boot. */
int once_logs_show(const char *name, unsigned long lines, struct error *err);
