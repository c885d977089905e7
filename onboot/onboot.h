/* Run-once system containers: every bundle of a directory, in the order of their names, one after another. */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "runtime.h"

struct onboot {
	const char *kind;       /* "onboot" or "shutdown": part of the logs' names */
	const char *path;       /* directory of the bundles; a missing one is an empty one */
	struct runtime runtime; /* path NULL: the one that is installed */
	bool live;              /* what the containers write goes to the console at once */
	bool shutdown;          /* a failure policy has no effect: the machine goes down already */
};

/* Says on standard error what goes wrong, keeps each exit status in the boot report and goes on with the next,
 * unless the annotation org.pith.onfail of the failed container says halt, reboot or poweroff: PID 1 is then told,
 * and no further container is run.
 * Returns how many containers failed, or -1 if the directory cannot be read. */
int onboot_run(const struct onboot *o, struct error *err);
