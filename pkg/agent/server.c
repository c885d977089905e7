#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "log.h"
#include "server.h"
#include "session.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"

enum { CONNECTIONS = 128 };

/* A container has no right to be root in the guest, and may well have a vsock socket: loopback has another cid. */
static bool peer_welcome(struct agent *a, uint32_t cid)
{
	if (a->local || cid == VMADDR_CID_HOST)
		return true;
	/* Ever more rarely: the console is not the container's to fill. */
	a->refused++;
	if ((a->refused & (a->refused - 1)) == 0)
		log_warn("refused a connection from cid %u (%u so far)", cid, a->refused);
	return false;
}

static void agent_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct agent *a = l->data;

	if (peer_welcome(a, vsock_cid(from)) && a->connected < CONNECTIONS)
		session_new(a, fd);
	else
		close(fd);
}

static int unix_listen(const char *path, struct error *err)
{
	struct sockaddr_un address;
	mode_t old = umask(0077);
	int fd = -1;

	if (unixsock_address(&address, -1, NULL, path) < 0)
		error_set(err, errno, "%s", path);
	else
		fd = unixsock_listen(&address, SOCK_STREAM, AGENT_BACKLOG, err);
	umask(old);
	return fd;
}

int server_adopt(struct agent *a, int fd, struct error *err)
{
	a->listener = (struct listener){ .accepted = agent_accepted, .data = a };
	return listener_start(&a->listener, a->loop, fd, err);
}

int server_open(struct agent *a, const char *where, struct error *err)
{
	uint32_t port;
	int fd;

	a->local = str_starts(where, "unix:");
	if (a->local)
		fd = unix_listen(where + strlen("unix:"), err);
	else if (str_starts(where, "vsock:") && vsock_parse_port(where + strlen("vsock:"), &port) == 0)
		fd = vsock_listen(port, SOCK_STREAM, AGENT_BACKLOG, err);
	else
		return error_set(err, 0, "--listen %s: write it like vsock:2373", where);
	return fd < 0 ? -1 : server_adopt(a, fd, err);
}

void server_close(struct agent *a)
{
	listener_stop(&a->listener);
}
