/* What a runtime that was stopped half way, or a shim that was killed, leaves of a container: processes and control
 * groups that `runtime delete` does not know about, since it has written nothing down yet. */
#pragma once

#include "cgroups.h"

/* The control groups that a container is given for its configuration's cgroupsPath (NULL: none there; the runtime then
 * makes one named `id` in our own). Empty for a path of systemd's. */
int leftovers_cgroups(const char *cgroups_path, const char *id, struct cgroups *out, struct error *err);
/* Kills the processes that are in them and removes them. Returns how many could not be removed yet: to be tried again
 * a little later. Groups that we are in ourselves are left alone. */
int leftovers_remove(const struct cgroups *groups);
