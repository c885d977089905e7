/* What the device gives up once all its sockets are open: it reads memory that the guest writes. */
#pragma once

#include "error.h"

struct vsock_confine {
	const char *state;         /* directory: its sockets and fifos */
	const char *socket;        /* path of the front-end's socket, NULL: none */
	const char *hybrid;        /* likewise */
	char *const *fifo_folders; /* NULL-terminated */
};

/* No new privileges, only the system calls of its loop, and of the file system only the state directory, the folders of
 * fifos, and the removal of its own sockets. The kernel's share of it is as much as it has. */
int vsock_confine(const struct vsock_confine *c, struct error *err);
