#include "listener.h"

#include <errno.h>

#include "cleanup.h"
#include "io.h"

enum { BATCH = 32, REST_US = 100 * 1000 };

static void listener_resume(struct loop_timer *timer)
{
	struct listener *l = timer->data;

	if (loop_io_want(&l->io, EPOLLIN, NULL) < 0)
		(void)loop_timer_after(l->loop, &l->rest, REST_US, NULL); /* nothing else is left to try */
}

static void listener_rest(struct listener *l, int code)
{
	if (l->resting)
		l->resting(l, code);
	/* Without a timer it goes on at once, which costs time and loses nothing. */
	if (loop_timer_after(l->loop, &l->rest, REST_US, NULL) == 0)
		(void)loop_io_want(&l->io, 0, NULL);
}

static bool resources_lack(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

static void listener_ready(struct loop_io *io, uint32_t events)
{
	struct listener *l = io->data;

	(void)events;
	/* The owner may stop it for a connection. */
	for (int i = 0; i < BATCH && listener_active(l); i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t size = sizeof(from);
		int fd;

		if (l->room && !l->room(l)) {
			listener_rest(l, EMFILE);
			return;
		}
		fd = accept4(io->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			l->accepted(l, fd, (struct sockaddr *)&from);
			continue;
		}
		if (resources_lack(errno))
			listener_rest(l, errno);
		return;
	}
}

int listener_start(struct listener *l, struct loop *loop, int fd, struct error *err)
{
	l->loop = loop;
	l->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = listener_ready, .data = l };
	l->rest = (struct loop_timer){ .fn = listener_resume, .data = l };
	if (io_nonblock(fd) < 0)
		error_set(err, errno, "listening socket");
	else if (loop_io_add(loop, &l->io, err) == 0)
		return 0;
	cleanup_close(&l->io.fd);
	return -1;
}

void listener_stop(struct listener *l)
{
	if (!listener_active(l))
		return;
	loop_timer_disarm(&l->rest);
	loop_io_remove(&l->io);
	cleanup_close(&l->io.fd);
}
