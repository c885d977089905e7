/* The sandbox service: what the containers of a group have in common. One shim has one sandbox.
 *
 * It is a process that does nothing, in namespaces of its own (IPC, UTS, PID) and in the network namespace that the
 * client names: containers join them by its number. It ends with the shim. */
#pragma once

#include "server.h"

struct shim;

extern const struct service sandbox_service;

/* Whether there is one that runs: the shim then stays even without containers. */
bool sandbox_is_running(const struct shim *shim);
void sandbox_free(struct shim *shim);
