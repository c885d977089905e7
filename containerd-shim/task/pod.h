/* What a sandbox is to be, as CRI says it in the options of CreateSandbox: a Kubernetes pod's configuration
 * (runtime.v1.PodSandboxConfig). Of that only what belongs to the sandbox's own process is read. */
#pragma once

#include <stdbool.h>

#include "any.pb-c.h"
#include "error.h"

struct pod {
	bool host_uts, host_pid, host_ipc;
	char *hostname;    /* NULL: the host's */
	char *uids, *gids; /* mappings of a user namespace (idmap.h); NULL: the host's namespace */
	char **sysctls;    /* files below /proc/sys, each followed by its value */
};

#define _cleanup_pod_ _cleanup_(pod_clear)
void pod_clear(struct pod *p);

/* NULL, or a message of another type: a sandbox with everything of its own but users and network. A sysctl that is not
 * of one of the sandbox's own namespaces would change the host's and is refused. host_network: it has the host's. */
int pod_read(const Google__Protobuf__Any *any, bool host_network, struct pod *out, struct error *err);
