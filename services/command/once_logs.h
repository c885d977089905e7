/* Where the logs are of the containers that ran once at the boot: `service logs onboot/NAME`. */
#pragma once

#include <stdbool.h>

#include "error.h"

#define ONCE_LOGS_DIR "/run/log/onboot"

/* Whether a name is one of these ("onboot/NAME"). */
bool once_logs_named(const char *name);
/* What the names of its logs in ONCE_LOGS_DIR begin with ("onboot.000-dhcpcd"), which the caller frees. The name is the
 * container's, with or without "onboot/" and the number that gives its place in the boot. NULL: there are none. */
char *once_logs_find(const char *name, struct error *err);
