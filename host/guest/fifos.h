/* Fifos of the host for the guest. A client of containerd (ctr) on the host names fifos for a process's streams; the
 * guest has no such files, and its shim asks for them here (agent.h of lib/proto has the protocol): on the machine's
 * socket for port FIFO_PORT of the host.
 *
 * The guest is not trusted. It gets what is a fifo, belongs to this user and lies in a folder that was named for it,
 * with no link on the way; a refusal takes its time, so that names cannot be tried out. */
#pragma once

#include "error.h"
#include "loop.h"

/* Where ctr and its like make theirs. */
#define FIFOS_DEFAULT "/run/containerd/fifo"

struct fifos;

/* Listens in the state directory. folders: further ones than the default and the state directory itself, with colons
 * between; NULL: none. The strings are copied. */
struct fifos *fifos_open(struct loop *loop, const char *state, const char *folders, struct error *err);
/* Ends all streams. NULL is fine. */
void fifos_close(struct fifos *f);

/* The fifo, open for both directions; -1: it is none of those that may be had. For tests. */
int fifos_find(char *const *folders, const char *path, struct error *err);
