/* The process of a sandbox: it does nothing, in namespaces of its own (IPC, UTS, PID) and in the network namespace of
 * the sandbox. Containers join them by its number.
 *
 *     hold_make() --clone3()--------------------------------> hold_run(): namespaces are set up, then it waits for ever
 *          |                                                     |
 *          |  (a user namespace: a helper enters it first,       +-- says over a pipe why it cannot, and exits
 *          |   and makes the process as a child of the shim)     +-- or closes the pipe: hold_make() returns */
#pragma once

#include <sys/types.h>

#include "error.h"

struct network;
struct pod;

struct hold {
	const struct pod *pod;
	const struct network *network;
};

/* A child of this process; it ends with it. -1 on failure. */
pid_t hold_make(const struct hold *h, struct error *err);
