#include "server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "connection_private.h"

enum { CONNECTIONS_MAX = 256 };

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

static void server_accepted(struct listener *l, int accepted, const struct sockaddr *from)
{
	struct server *s = l->data;
	_cleanup_close_ int fd = accepted;

	(void)from;
	if (s->connection_count < CONNECTIONS_MAX && peer_allowed(fd) && connection_new(s, fd, call_frame_take))
		steal_fd(&fd);
}

int server_start(struct server *s, struct loop *loop, int listener, struct error *err)
{
	s->loop = loop;
	list_init(&s->connections);
	s->listener = (struct listener){ .accepted = server_accepted, .data = s };
	s->sweep = (struct loop_timer){ .fn = connections_sweep, .data = s };
	return listener_start(&s->listener, loop, listener, err);
}

void server_close(struct server *s)
{
	listener_stop(&s->listener);
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
