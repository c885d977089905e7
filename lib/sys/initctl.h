/* Asking PID 1 to keep a program alive.
 *
 * PID 1 receives datagrams on INITCTL_SOCKET (rc.init binds the socket there that it inherits as descriptor
 * INITCTL_FD, when /run is mounted). A request is a sequence of NUL-terminated words, at most INITCTL_MESSAGE bytes:
 *
 *   respawn NAME GRACE PATH ARG...   keep PATH running under NAME; a program already kept under that name is left
 *                                    alone. At shutdown it gets TERM, and KILL when it lives GRACE seconds later.
 *                                    Descriptors that come with the request (SCM_RIGHTS, at most INITCTL_FDS) stay
 *                                    open in PID 1: each start of the program gets them as 3, 4..., and their number
 *                                    in PITH_FDS. What they hold, such as a port, is nobody else's between two starts.
 *   stop NAME                        TERM, KILL after its grace period, and not again
 *   list                             what is kept: a line "NAME PID GRACE" each, pid 0 between two starts,
 *                                    in the order in which they were asked for
 *
 * The answer goes to the sender's address: "ok\n" (and the list), or "error: ", a reason and a newline. Only processes
 * that can write to the socket, which root owns, have a say. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

#define INITCTL_SOCKET "/run/pith/init.sock"

enum {
	INITCTL_FD = 3,
	INITCTL_NAME = 31, /* characters of a name */
	INITCTL_ARGS = 15, /* path included */
	INITCTL_MESSAGE = 512,
	INITCTL_REPLY = 1024,
	INITCTL_FDS = 16,
};

/* Sends a request and waits for the answer, 5 s at most. The list, where there is one, is appended to `list`, which
 * may be NULL. Fails when PID 1 is not ours, or refuses. */
int initctl_request(char *const words[], struct buf *list, struct error *err);

int initctl_respawn(const char *name, unsigned grace_seconds, char *const argv[], struct error *err);
/* With descriptors that the program gets; they stay the caller's. */
int initctl_respawn_with(const char *name, unsigned grace_seconds, char *const argv[], const int *fds, size_t fd_count,
			 struct error *err);
/* In the program: how many descriptors it was given, from INITCTL_FD on. They are close-on-exec then. */
size_t initctl_fds(void);
