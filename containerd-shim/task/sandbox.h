/* The sandbox service: what the containers of a group have in common. One shim has one sandbox.
 *
 * It is a process that does nothing, in namespaces of its own (IPC, UTS, PID) and in the network namespace that the
 * client names: containers join them by its number, the network without asking. It ends with the shim. */
#pragma once

#include "server.h"

struct shim;

extern const struct service sandbox_service;

/* Whether there is one that runs: the shim then stays even without containers. */
bool sandbox_is_running(const struct shim *shim);
bool sandbox_is(const struct shim *shim, const char *id);
/* Ends it, and removes the containers that are left, for a shim that is about to leave. False: there is none. */
bool sandbox_end(struct shim *shim);
void sandbox_free(struct shim *shim);

/* Goes into the sandbox's network namespace, where it has one, for what is started there: a container that asks for no
 * namespace of its own gets its runtime's. *back is for sandbox_leave(), -1 for nothing to do. */
int sandbox_enter(const struct shim *shim, int *back, struct error *err);
void sandbox_leave(int back);
