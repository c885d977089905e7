/* Control groups below /sys/fs/cgroup, version 2 (one tree) or 1 (a tree a controller). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* Whether /sys/fs/cgroup itself is a cgroup2 file system. */
bool cgroup_unified(void);

/* Makes the group `name` ("podruntime/kubelet"; a leading slash is dropped) in every tree. An existing one is fine;
 * a name with a ".." component is refused with EINVAL. */
int cgroup_make(const char *name, struct error *err);

/* Directory of the group that process `pid` is in: the unified tree's, else one of version 1's that every
 * container runtime fills (pids, memory, devices, in this order). NULL on failure; caller frees. */
char *cgroup_of(pid_t pid, struct error *err);

/* How many processes are in the group at directory `dir` or below; 0 when it is gone. -1 on failure. */
int cgroup_population(const char *dir, struct error *err);

/* Directory of the group of process `pid` in the tree that has the memory controller; NULL where there is none. The
 * caller frees it. */
char *cgroup_memory_of(pid_t pid);
/* Its limit in bytes; 0: none of its own, or not to be read. */
uint64_t cgroup_memory_limit(const char *dir);
