/* The control groups that one container is in: their directories, its processes, and their removal. Version 1 has a
 * directory a controller, version 2 one for all. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

struct cgroups {
	bool unified;
	/* pairs: controller ("" for the unified tree) and directory; NULL-terminated */
	char **dirs;
};

#define _cleanup_cgroups_ _cleanup_(cgroups_clear)
void cgroups_clear(struct cgroups *c);

/* Takes the text of /proc/PID/cgroup apart. unified: /sys/fs/cgroup is version 2. */
int cgroups_parse(const char *text, bool unified, struct cgroups *out, struct error *err);
/* Those that the process is in. */
int cgroups_of(pid_t pid, struct cgroups *out, struct error *err);
/* Directory for a controller, NULL if there is none. Any controller has the same one in version 2. */
const char *cgroups_dir(const struct cgroups *c, const char *controller);
/* Whether none of the two's directories is the same or above: `inner` then has processes of its own only. */
bool cgroups_apart(const struct cgroups *inner, const struct cgroups *other);

/* Calls back for each process in the directory and below. Gone directories are empty ones; -1 when `fn` gives that. */
typedef int cgroups_pid_fn(pid_t pid, void *data);
int cgroups_each_pid(const char *dir, cgroups_pid_fn *fn, void *data);

/* Removes the directory and those below it; 0 also when it is not there. -1 with errno (EBUSY: processes). */
int cgroups_remove(const char *dir);
/* Whether it is a path below /sys/fs/cgroup and its controllers' mount points, without "..". */
bool cgroups_path_is_safe(const char *path);

/* Moving a process into a group takes a lock that waits for a grace period of the kernel (10 ms and more), unless its
 * last use was a moment ago. Has a child take it now, by a move that changes nothing, so that the runtime finds it
 * ready; returns at once. Does nothing where the groups are mounted with favordynmods: there the lock is always ready.
 */
void cgroups_warm(void);
