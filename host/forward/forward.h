/* Ports of the host that lead into a machine, as `pith run` starts them: a process of its own (`pith forward`) beside
 * the machine, which goes over the vsock device's sockets in the state directory. docs/forward.md */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

struct forward_options {
	const char *state;  /* directory; the vsock device's sockets are there */
	char *const *ports; /* as VPNKit writes them, "tcp:127.0.0.1:8080:tcp:127.0.0.1:80"; NULL: none */
	const char *allow;  /* what the guest may have opened (allow.h); NULL: the default */
	bool background;    /* messages after the start are dropped: standard error is not kept */
};

/* Vsock ports of the guest that have to have a socket for it. */
#define FORWARD_VSOCK_PORTS "62373"

struct forward_child {
	pid_t pid; /* a child of the caller */
	int life;  /* it ends when the last copy of this is closed: to be handed to the machine, then to close */
};

/* Its ports are open when this returns; the error says which one cannot be had. */
int forward_start(const struct forward_options *options, struct forward_child *out, struct error *err);

/* Whether forward_options.allow makes sense. */
int forward_allow_check(const char *text, struct error *err);
