/* One descriptor with a message, over a connected Unix socket (unix(7), SCM_RIGHTS). */
#pragma once

#include <sys/types.h>

/* fd stays the caller's; -1: the message alone. Does not wait. 0, or -1 with errno. */
int fdpass_send(int to, const void *bytes, size_t n, int fd);
/* Waits unless the socket is non-blocking. Bytes of the message, 0 at the end, -1 with errno; *fd is the caller's, -1
 * where none came. */
ssize_t fdpass_receive(int from, void *bytes, size_t n, int *fd);
