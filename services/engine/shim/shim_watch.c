#include "shim_watch.h"

#include <errno.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "shim_call.h"

void shim_watch_end(struct shim_watch *w)
{
	if (!loop_io_active(&w->io))
		return;
	loop_io_remove(&w->io);
	cleanup_close(&w->io.fd);
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct shim_watch *w = io->data;
	char byte;
	ssize_t n = recv(io->fd, &byte, 1, MSG_DONTWAIT);

	(void)events;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	shim_watch_end(w);
	w->gone(w->data);
}

int shim_watch_begin(struct shim_watch *w, struct loop *loop, const char *bundle)
{
	int version, fd;

	shim_watch_end(w);
	fd = shim_connect(bundle, &version);
	w->io = (struct loop_io){ .fd = fd, .events = EPOLLIN | EPOLLRDHUP, .fn = socket_ready, .data = w };
	if (fd >= 0 && loop_io_add(loop, &w->io, NULL) == 0)
		return 0;
	cleanup_close(&fd);
	return -1;
}
