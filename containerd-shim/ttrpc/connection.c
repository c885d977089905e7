#include "connection_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"

enum {
	READ_SIZE = 4096,
	READ_MAX = 256 << 10, /* room made at a time for a large frame: its sender has to come up with the bytes */
	KEEP_SIZE = 4096,     /* buffers that grew beyond are given back when empty */
	OUTPUT_MAX = 1 << 20, /* unread answers, then the peer is not read from */
};

static void server_tell_quiet(struct server *s)
{
	if (s->quiet)
		s->quiet(s->quiet_data);
}

/* --- writing, and the end ----------------------------------------------------------------------------------------- */

void connection_break(struct connection *c)
{
	c->broken = true;
	loop_io_remove(&c->io);
	if (!loop_timer_armed(&c->server->sweep) && loop_timer_after(c->server->loop, &c->server->sweep, 0, NULL) < 0)
		return; /* without memory: the next sweep takes it */
}

static void connection_want(struct connection *c)
{
	uint32_t events = 0;

	if (c->broken)
		return;
	if (!c->ended && c->out.len < OUTPUT_MAX)
		events |= EPOLLIN;
	if (c->out.len > 0)
		events |= EPOLLOUT;
	if (loop_io_want(&c->io, events, NULL) < 0 || (c->ended && c->out.len == 0 && c->call_count == 0))
		connection_break(c);
}

static void buffer_rest(struct buf *b)
{
	if (b->len == 0 && b->cap > KEEP_SIZE)
		buf_free(b);
}

void connection_flush(struct connection *c)
{
	while (!c->broken && c->out.len > 0) {
		ssize_t n = send(c->io.fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			buf_consume(&c->out, (size_t)n);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			connection_break(c);
		}
	}
	buffer_rest(&c->out);
	connection_want(c);
	if (c->out.len == 0)
		server_tell_quiet(c->server);
}

void connection_close(struct connection *c)
{
	struct server *s = c->server;
	struct call *call;

	while (!list_empty(&c->calls)) {
		call = list_entry(c->calls.next, struct call, place);
		list_remove(&call->place);
		call->connection = NULL;
		call_cancel(call, GRPC_CANCELLED);
	}
	loop_io_remove(&c->io);
	close(c->io.fd);
	list_remove(&c->place);
	s->connection_count--;
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
	server_tell_quiet(s);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void connection_end(struct connection *c)
{
	struct list *at, *next;

	c->ended = true;
	/* Who only waits would keep the connection for ever. */
	for (at = c->calls.next; at != &c->calls; at = next) {
		next = at->next;
		call_cancel(list_entry(at, struct call, place), GRPC_CANCELLED);
	}
	connection_want(c);
}

static void connection_read(struct connection *c)
{
	size_t wanted = ttrpc_wanted(&c->reader, buf_bytes(&c->in), c->in.len), room;
	struct ttrpc_frame frame;
	bool complete = true;
	uint8_t *p;
	ssize_t n;

	room = wanted > c->in.len + READ_SIZE ? wanted - c->in.len : READ_SIZE;
	if (room > READ_MAX)
		room = READ_MAX;
	p = buf_reserve(&c->in, room);
	if (!p) {
		connection_break(c);
		return;
	}
	n = recv(c->io.fd, p, room, MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			connection_break(c);
		return;
	}
	if (n == 0) {
		connection_end(c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	while (complete && !c->broken) {
		size_t used = ttrpc_next(&c->reader, buf_bytes(&c->in), c->in.len, &frame, &complete);

		if (complete)
			c->frame(c, &frame);
		buf_consume(&c->in, used);
	}
	buffer_rest(&c->in);
}

static void connection_ready(struct loop_io *io, uint32_t events)
{
	struct connection *c = io->data;

	if (events & EPOLLOUT)
		connection_flush(c);
	if (!c->broken && (events & EPOLLIN))
		connection_read(c);
	else if (!c->broken && (events & (EPOLLHUP | EPOLLERR)))
		connection_break(c);
	connection_want(c);
}

struct connection *connection_new(struct server *s, int fd, connection_frame_fn *frame)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->server = s;
	c->frame = frame;
	c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = connection_ready, .data = c };
	list_init(&c->calls);
	if (loop_io_add(s->loop, &c->io, NULL) < 0) {
		free(c);
		return NULL;
	}
	list_append(&s->connections, &c->place);
	s->connection_count++;
	return c;
}
