/* Holds vsock ports of the guest for services (ports.h of lib/sys has the rules), and the sockets that the agent itself
 * listens on. They are opened once, before any container runs, and PID 1 keeps them from then on: an agent that comes
 * after a killed one finds all of them where it starts. */
#pragma once

#include "error.h"
#include "initctl.h"
#include "loop.h"

struct keeper;

/* The agent's listener, the socket for who asks for a port, and those that hold ports. What cannot be had is said and
 * left out. Their number; fds has room for INITCTL_FDS. */
size_t keeper_sockets(int fds[INITCTL_FDS], const char *containers);

/* In the agent: takes over count descriptors from `first` on. *agent: the one that it listens on itself, -1: none.
 * NULL without memory. */
struct keeper *keeper_open(struct loop *loop, int first, size_t count, int *agent, struct error *err);
/* NULL is fine. */
void keeper_close(struct keeper *k);
