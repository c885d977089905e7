#include "backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend_private.h"
#include "io.h"
#include "log.h"

enum { MESSAGES_AT_ONCE = 64 };

static void fds_close(struct backend *b)
{
	size_t i;

	for (i = 0; i < b->fd_count; i++)
		if (b->fds[i] >= 0)
			close(b->fds[i]);
	b->fd_count = 0;
}

static void front_end_gone(struct backend *b)
{
	loop_io_remove(&b->io);
	if (b->io.fd >= 0)
		close(b->io.fd);
	b->io.fd = -1;
	fds_close(b);
	rings_clear(b);
	device_reset(b->dev);
	memory_inflight_clear(b);
	memory_clear(b);
	b->in_len = 0;
	b->features = b->protocol_features = 0;
	b->status = 0;
	if (b->listener.fd < 0)
		loop_quit(b->loop, 0);
	else if (!loop_io_active(&b->listener) && loop_io_add(b->loop, &b->listener, NULL) < 0)
		loop_quit(b->loop, 1);
}

/* Descriptors beyond those a message may have are a front-end gone wrong. */
static int fds_take(struct backend *b, struct msghdr *m, struct error *err)
{
	struct cmsghdr *c;
	int r = m->msg_flags & MSG_CTRUNC ? -1 : 0;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n, i;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (b->fd_count < VHOST_USER_FDS_MAX) {
				b->fds[b->fd_count++] = fd;
			} else {
				close(fd);
				r = -1;
			}
		}
	}
	return r < 0 ? error_set(err, EPROTO, "vhost-user message with too many descriptors") : 0;
}

/* Reads no further than the end of the current message, so that descriptors belong to it.
 * 1: some, 0: nothing there, -1: error or end. */
static int message_receive(struct backend *b, size_t want, struct error *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { b->in + b->in_len, want - b->in_len };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	ssize_t n = recvmsg(b->io.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return error_set(err, errno, "vhost-user connection");
	if (fds_take(b, &m, err) < 0)
		return -1;
	if (n == 0)
		return error_set(err, b->in_len > 0 ? EPROTO : 0, "vhost-user connection ended");
	b->in_len += (size_t)n;
	return 1;
}

/* One message, or what there is of it. As message_receive(). */
static int message_step(struct backend *b, struct error *err)
{
	size_t want = VHOST_USER_HEADER_SIZE;
	int r = 1;

	if (b->in_len >= VHOST_USER_HEADER_SIZE)
		want += b->msg.size;
	if (b->in_len < want) {
		r = message_receive(b, want, err);
		if (r <= 0)
			return r;
	}
	if (b->in_len == VHOST_USER_HEADER_SIZE && want == VHOST_USER_HEADER_SIZE) {
		if (vhost_user_parse_header(b->in, &b->msg, err) < 0)
			return -1;
		want += b->msg.size;
	}
	if (b->in_len < want)
		return 1;
	if (vhost_user_parse_payload(&b->msg, b->in + VHOST_USER_HEADER_SIZE, b->fd_count, err) < 0)
		return -1;
	r = request_handle(b, err);
	fds_close(b);
	b->in_len = 0;
	return r < 0 ? -1 : 1;
}

static void front_end_ready(struct loop_io *io, uint32_t events)
{
	struct backend *b = io->data;
	_cleanup_error_ struct error e = { 0 };
	int r = 1, i;

	(void)events;
	for (i = 0; i < MESSAGES_AT_ONCE && r > 0; i++)
		r = message_step(b, &e);
	if (r >= 0)
		return;
	if (e.code != 0)
		log_warn("vsock: %s", error_text(&e));
	front_end_gone(b);
}

static int front_end_start(struct backend *b, int fd, struct error *err)
{
	b->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = front_end_ready, .data = b };
	if (io_nonblock(fd) < 0)
		return error_set(err, errno, "vhost-user connection");
	return loop_io_add(b->loop, &b->io, err);
}

/* The next front-end waits in the backlog until this one is gone. */
static void front_end_comes(struct loop_io *io, uint32_t events)
{
	struct backend *b = io->data;
	_cleanup_error_ struct error e = { 0 };
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	loop_io_remove(&b->listener);
	if (front_end_start(b, fd, &e) < 0) {
		log_error("vsock: %s", error_text(&e));
		front_end_gone(b);
	}
}

struct backend *backend_new(struct loop *loop, struct vsock_device *dev, int fd, bool connected, struct error *err)
{
	struct backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		error_set(err, ENOMEM, "vhost-user back-end");
		return NULL;
	}
	b->loop = loop;
	b->dev = dev;
	b->io.fd = -1;
	b->listener =
		(struct loop_io){ .fd = connected ? -1 : fd, .events = EPOLLIN, .fn = front_end_comes, .data = b };
	rings_init(b);
	r = connected ? front_end_start(b, fd, err) : loop_io_add(loop, &b->listener, err);
	if (r == 0)
		return b;
	free(b);
	return NULL;
}

void backend_free(struct backend *b)
{
	if (!b)
		return;
	loop_io_remove(&b->io);
	if (b->io.fd >= 0)
		close(b->io.fd);
	fds_close(b);
	rings_clear(b);
	memory_inflight_clear(b);
	memory_clear(b);
	loop_io_remove(&b->listener);
	if (b->listener.fd >= 0)
		close(b->listener.fd);
	free(b);
}
