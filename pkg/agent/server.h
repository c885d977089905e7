/* The agent: runs commands in the guest and in its containers for the host. It listens on a vsock port and serves the
 * host alone (cid 2); one connection is one command (agent.h has the frames). One process, one loop.
 *
 *   server.c   accepts, and says no to everybody else
 *   session*.c one connection: frames in and out, the command's streams, its end
 *   keeper.c   holds ports for services, claims.c says which
 *   launch*.c  starts the command, by the OCI runtime in a container or as a plain process of the guest
 *   user.c     whom "-u" means in the container */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "list.h"
#include "listener.h"
#include "loop.h"
#include "reaper.h"

struct agent {
	struct loop *loop;
	struct keeper *keeper; /* NULL: it was given no sockets */
	struct reaper reaper;
	const char *runtime;  /* NULL: the one that is installed */
	const char *services; /* bundles of the services: names that may be asked for */
	struct listener listener;
	bool local; /* on a Unix socket, whose owner alone comes in */
	struct list sessions;
	unsigned connected, refused;
	unsigned number; /* of the next command, for names of files */
};

#define AGENT_RUN_DIR "/run/pith/exec"

enum { AGENT_BACKLOG = 32 };

/* "vsock:PORT", or "unix:PATH" for tests. */
int server_open(struct agent *a, const char *where, struct error *err);
/* On a listening vsock socket, which is the agent's from then on. */
int server_adopt(struct agent *a, int fd, struct error *err);
void server_close(struct agent *a);
