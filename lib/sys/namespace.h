/* Kernel namespaces by name: binding one to a file, so that it outlives its processes. */
#pragma once

#include <sys/types.h>

#include "error.h"

enum ns_kind {
	NS_CGROUP,
	NS_IPC,
	NS_MNT,
	NS_NET,
	NS_PID,
	NS_USER,
	NS_UTS,
	NS_COUNT,
};

/* "cgroup", "ipc" ...: the names below /proc/PID/ns */
extern const char *const ns_names[NS_COUNT];

/* Binds the namespace of process `pid` to the file `path`, which is made, with its parents, if it is missing. One that
 * is bound there already gives way. */
int ns_bind(pid_t pid, enum ns_kind kind, const char *path, struct error *err);

/* Takes away what ns_bind() mounted on `path`; the file stays. Without a bind there nothing happens. */
void ns_unbind(const char *path);
