#include <errno.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "server.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"

enum { CONNECTIONS = 128, BACKLOG = 32 };

/* A container has no right to be root in the guest, and may well have a vsock socket: loopback has another cid. */
static bool from_host(const struct agent *a, const struct sockaddr_vm *peer)
{
	if (a->local)
		return true;
	if (peer->svm_family == AF_VSOCK && peer->svm_cid == VMADDR_CID_HOST)
		return true;
	log_warn("refused a connection from cid %u", peer->svm_cid);
	return false;
}

static void accept_ready(struct loop_io *io, uint32_t events)
{
	struct agent *a = io->data;
	struct sockaddr_vm peer = { 0 };
	socklen_t n = sizeof(peer);
	int fd = accept4(io->fd, a->local ? NULL : (struct sockaddr *)&peer, a->local ? NULL : &n,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (from_host(a, &peer) && a->connected < CONNECTIONS)
		session_new(a, fd);
	else
		close(fd);
}

static int listen_unix(const char *path, struct error *err)
{
	struct sockaddr_un address;
	mode_t old = umask(0077);
	int fd = -1;

	if (unixsock_address(&address, -1, NULL, path) < 0)
		error_set(err, errno, "%s", path);
	else
		fd = unixsock_listen(&address, SOCK_STREAM, BACKLOG, err);
	umask(old);
	return fd;
}

int server_open(struct agent *a, const char *where, struct error *err)
{
	uint32_t port;

	a->local = str_starts(where, "unix:");
	if (a->local)
		a->io.fd = listen_unix(where + strlen("unix:"), err);
	else if (str_starts(where, "vsock:") && vsock_parse_port(where + strlen("vsock:"), &port) == 0)
		a->io.fd = vsock_listen(port, SOCK_STREAM, BACKLOG, err);
	else
		return error_set(err, 0, "--listen %s: write it like vsock:2373", where);
	a->io.events = EPOLLIN;
	a->io.fn = accept_ready;
	a->io.data = a;
	return a->io.fd < 0 ? -1 : loop_io_add(a->loop, &a->io, err);
}

void server_close(struct agent *a)
{
	loop_io_remove(&a->io);
	if (a->io.fd >= 0)
		close(a->io.fd);
	a->io.fd = -1;
}
