#include "ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "cleanup.h"
#include "fdpass.h"
#include "str.h"
#include "unixsock.h"

enum { PATIENCE_S = 5 };

int ports_answer(int connection, const char *text, int fd)
{
	return fdpass_send(connection, text, strlen(text), fd);
}

/* The message's text and its descriptor, -1: none. */
static ssize_t answer_read(int connection, char text[PORTS_MESSAGE], int *fd)
{
	ssize_t n = fdpass_receive(connection, text, PORTS_MESSAGE - 1, fd);

	text[n < 0 ? 0 : n] = '\0';
	return n;
}

static int ports_connect(const char *path, struct error *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (unixsock_address(&address, -1, NULL, path) < 0 || fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return error_set(err, errno, "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		/* A machine that holds no ports. */
		return error_set(err, errno == ECONNREFUSED || errno == ENOTDIR ? ENOENT : errno, "%s", path);
	return steal_fd(&fd);
}

int ports_ask(const char *socket, uint32_t port, int *listener, struct error *err)
{
	_cleanup_close_ int fd = ports_connect(socket, err), got = -1;
	char text[PORTS_MESSAGE];
	ssize_t n;

	if (fd < 0)
		return -1;
	n = snprintf(text, sizeof(text), "%u", port);
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) < 0 || (n = answer_read(fd, text, &got)) < 0)
		return error_set(err, errno, "%s: vsock port %u", socket, port);
	if (str_eq(text, "none"))
		return error_set(err, ENOENT, "vsock port %u is not held", port);
	if (str_eq(text, "busy"))
		return error_set(err, EADDRINUSE, "vsock port %u", port);
	if (!str_eq(text, "ok") || got < 0)
		return error_set(err, EPROTO, "%s: vsock port %u", socket, port);
	*listener = steal_fd(&got);
	return steal_fd(&fd);
}
