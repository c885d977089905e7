#include "ptysock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "str.h"
#include "unixsock.h"

enum { WAIT_US = 10 * 1000000 };

void ptysock_init(struct ptysock *c)
{
	*c = (struct ptysock){ .io.fd = -1, .master = -1, .dir = -1 };
}

/* The first descriptor in a message; others are closed. */
static int master_receive(int fd, struct error *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char name[256];
	struct iovec iov = { .iov_base = name, .iov_len = sizeof(name) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *cmsg;
	_cleanup_close_ int master = -1;
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0)
		return error_set(err, errno, "terminal from the runtime");
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return error_set(err, EPROTO, "the runtime sent no terminal");
	memcpy(&master, CMSG_DATA(cmsg), sizeof(master));
	if (!isatty(master))
		return error_set(err, ENOTTY, "what the runtime sent");
	return steal_fd(&master);
}

static void ptysock_tell(struct ptysock *c)
{
	ptysock_fn *fn = c->fn;

	if (!fn)
		return;
	c->fn = NULL;
	loop_timer_disarm(&c->timer);
	fn(c, steal_fd(&c->master), c->error.msg ? &c->error : NULL);
}

static void ptysock_arrive(struct ptysock *c, int master)
{
	loop_io_remove(&c->io);
	close(c->io.fd);
	c->io.fd = -1;
	c->master = master;
	c->arrived = true;
	ptysock_tell(c);
}

static void ptysock_readable(struct loop_io *io, uint32_t events)
{
	struct ptysock *c = io->data;
	_cleanup_error_ struct error e = { 0 };
	int fd;

	(void)events;
	if (c->connected) {
		fd = master_receive(io->fd, &e);
		if (fd < 0 && (e.code == EAGAIN || e.code == EINTR))
			return;
		error_move(&c->error, &e);
		ptysock_arrive(c, fd);
		return;
	}
	fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	loop_io_remove(io);
	close(io->fd);
	io->fd = fd;
	c->connected = true;
	if (loop_io_add(c->loop, io, &c->error) < 0)
		ptysock_arrive(c, -1);
}

static void ptysock_waited(struct loop_timer *timer)
{
	struct ptysock *c = timer->data;

	error_set(&c->error, ETIMEDOUT, "terminal from the runtime");
	ptysock_arrive(c, -1);
}

int ptysock_open(struct ptysock *c, struct loop *loop, const char *bundle, const char *id, struct error *err)
{
	struct sockaddr_un address;

	ptysock_init(c);
	c->loop = loop;
	c->timer = (struct loop_timer){ .fn = ptysock_waited, .data = c };
	c->dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return error_set(err, errno, "console socket in %s", bundle);
	/* Identifiers are longer than a socket's path may be: the descriptor's number makes a cut one unique. */
	c->name = str_format(".pty-%.32s-%d", id, c->dir);
	if (!c->name || unixsock_address(&address, c->dir, bundle, c->name) < 0)
		return error_set(err, c->name ? errno : ENOMEM, "console socket in %s", bundle);
	unlinkat(c->dir, c->name, 0); /* one that a killed shim left; else it is not there */
	/* What the runtime connects to has the same limit: a long path goes through our descriptor. */
	c->path = str_starts(address.sun_path, "/proc/")
		? str_format("/proc/%d/fd/%d/%s", (int)getpid(), c->dir, c->name)
		: strdup(address.sun_path);
	if (!c->path)
		return error_set(err, ENOMEM, "console socket");
	c->io = (struct loop_io){ .events = EPOLLIN, .fn = ptysock_readable, .data = c };
	c->io.fd = unixsock_listen(&address, SOCK_STREAM, 1, err);
	return c->io.fd < 0 ? -1 : loop_io_add(loop, &c->io, err);
}

const char *ptysock_path(const struct ptysock *c)
{
	return c->path;
}

void ptysock_wait(struct ptysock *c, ptysock_fn *fn, void *data)
{
	c->fn = fn;
	c->data = data;
	if (c->arrived)
		ptysock_tell(c);
	else if (loop_timer_after(c->loop, &c->timer, WAIT_US, &c->error) < 0)
		ptysock_arrive(c, -1);
}

void ptysock_close(struct ptysock *c)
{
	loop_timer_disarm(&c->timer);
	loop_io_remove(&c->io);
	if (c->io.fd >= 0)
		close(c->io.fd);
	if (c->master >= 0)
		close(c->master);
	if (c->dir >= 0) {
		if (c->name)
			unlinkat(c->dir, c->name, 0);
		close(c->dir);
	}
	free(c->name);
	free(c->path);
	error_clear(&c->error);
	ptysock_init(c);
}
