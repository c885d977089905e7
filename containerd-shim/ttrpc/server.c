#include "server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "connection_private.h"

enum {
	CONNECTIONS_MAX = 256,
	REST_US = 100000,
};

static void connections_sweep(struct loop_timer *timer)
{
	struct server *s = timer->data;
	struct list *at = s->connections.next;

	while (at != &s->connections) {
		struct connection *c = list_entry(at, struct connection, place);

		if (!c->broken) {
			at = at->next;
			continue;
		}
		connection_close(c);
		at = s->connections.next; /* cancelled calls may have broken others */
	}
}

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

static void listener_rested(struct loop_timer *timer)
{
	struct server *s = timer->data;

	if (loop_io_want(&s->listener, EPOLLIN, NULL) < 0)
		(void)loop_timer_after(s->loop, &s->rest, REST_US, NULL); /* nothing else is left to try */
}

static void listener_ready(struct loop_io *io, uint32_t events)
{
	struct server *s = io->data;
	_cleanup_close_ int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		/* The connection stays in the backlog: looking at it again at once would only burn time. */
		if (loop_timer_after(s->loop, &s->rest, REST_US, NULL) == 0)
			(void)loop_io_want(&s->listener, 0, NULL);
		return;
	}
	if (fd < 0 || s->connection_count >= CONNECTIONS_MAX || !peer_allowed(fd))
		return;
	if (connection_new(s, fd, call_frame_take))
		steal_fd(&fd);
}

int server_start(struct server *s, struct loop *loop, int listener, struct error *err)
{
	s->loop = loop;
	list_init(&s->connections);
	s->listener = (struct loop_io){ .fd = listener, .events = EPOLLIN, .fn = listener_ready, .data = s };
	s->rest = (struct loop_timer){ .fn = listener_rested, .data = s };
	s->sweep = (struct loop_timer){ .fn = connections_sweep, .data = s };
	return loop_io_add(loop, &s->listener, err);
}

void server_close(struct server *s)
{
	loop_timer_disarm(&s->rest);
	loop_io_remove(&s->listener);
	cleanup_close(&s->listener.fd);
	s->listener.fd = -1;
}

void server_on_quiet(struct server *s, server_quiet_fn *fn, void *data)
{
	s->quiet = fn;
	s->quiet_data = data;
}

void server_stop(struct server *s)
{
	while (!list_empty(&s->connections))
		connection_close(list_entry(s->connections.next, struct connection, place));
	loop_timer_disarm(&s->sweep);
	server_close(s);
}

bool server_has_peers(const struct server *s)
{
	return !list_empty(&s->connections);
}

bool server_busy(const struct server *s)
{
	for (struct list *at = s->connections.next; at != &s->connections; at = at->next) {
		const struct connection *c = list_entry(at, struct connection, place);

		if (!c->broken && c->out.len > 0)
			return true;
	}
	return false;
}
