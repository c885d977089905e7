/* Unix sockets by path, also where the path is longer than an address can hold. */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "error.h"

/* The address of `name` in an open directory; dir is its path, for the common case that both together fit (and for
 * the eyes of whoever lists sockets). dir NULL: name is a path by itself. 0, or -1 with errno. */
int unixsock_address(struct sockaddr_un *address, int dirfd, const char *dir, const char *name);

/* Binds and listens, non-blocking. type: SOCK_STREAM or SOCK_SEQPACKET. A socket file that nobody listens on any more
 * is replaced; one in use is an error (EADDRINUSE), and so is any other file. Returns the descriptor. */
int unixsock_listen(const struct sockaddr_un *address, int type, int backlog, struct error *err);

/* Connects without waiting: EAGAIN when the backlog is full. Returns the descriptor, non-blocking, or -1 with errno. */
int unixsock_connect(const struct sockaddr_un *address, int type);
