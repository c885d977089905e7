/* vsock ports of the guest that the machine holds, so that no container sits on them.
 *
 * A vsock port has no owner: whoever binds it first has it, a container without a capability too. The machine binds
 * those that its host talks to before the first container runs (the agent keeps them, PID 1 keeps them over the agent's
 * death), and hands them on to the service that serves them: it connects to PORTS_SOCKET, which only a container
 * that has PORTS_DIR mounted has, and says the port's number in a message. The answer is a message:
 *
 *   "ok"    with the listening socket (SCM_RIGHTS). As long as the connection stands the port is the service's; after
 * it the machine holds it again, and ends whoever connects "none"  the machine does not hold it "busy"  another one has
 * it
 */
#pragma once

#include <stdint.h>

#include "error.h"

#define PORTS_DIR    "/run/pith/vsock"
#define PORTS_SOCKET PORTS_DIR "/ports"

enum { PORTS_MESSAGE = 16 };

/* Asks for a port, and waits for the answer (5 s). The connection, to be kept as long as the port is used, with the
 * listening socket in *listener; -1 with err->code ENOENT: there is nobody to ask, or the port is not held; EADDRINUSE:
 * another one has it. socket: PORTS_SOCKET, but in tests. */
int ports_ask(const char *socket, uint32_t port, int *listener, struct error *err);

/* For who is asked: one message, with a descriptor unless fd is -1. 0, or -1 with errno. */
int ports_answer(int connection, const char *text, int fd);
