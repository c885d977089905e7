#include "server.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "str.h"
#include "ttrpc.h"
#include "ttrpc.pb-c.h"

enum {
	READ_SIZE = 4096,
	READ_MAX = 256 << 10, /* room made at a time for a large frame: its sender has to come up with the bytes */
	KEEP_SIZE = 4096,     /* buffers that grew beyond are given back when empty */
	OUTPUT_MAX = 1 << 20, /* unread answers, then the peer is not read from */
	CALLS_MAX = 1 << 14,  /* of one connection */
	CONNECTIONS_MAX = 256,
	MESSAGE_MEMORY = 32 << 20, /* of an unpacked request: some messages are many times their size on the wire */
	REST_US = 100000,
};

struct connection {
	struct list place;
	struct server *server;
	struct loop_io io;
	struct buf in, out;
	struct ttrpc_reader reader;
	uint32_t last_stream;
	bool ended;  /* the peer sends no more */
	bool broken; /* to be closed by the sweep */
	struct list calls;
	size_t call_count;
};

struct call {
	struct list place; /* of the connection, where there is one */
	struct server *server;
	struct connection *connection; /* NULL: the peer is gone */
	uint32_t stream;
	uint64_t deadline_us;
	struct loop_timer deadline;
	cancel_fn *cancel;
	void *cancel_data;
	bool kept;
	ProtobufCMessage *request;
};

/* --- memory of requests: bounded, so that a small frame cannot become a large message ------------------- */

static void *bounded_alloc(void *data, size_t n)
{
	size_t *left = data;

	if (n > *left)
		return NULL;
	*left -= n;
	return malloc(n);
}

static void bounded_free(void *data, void *p)
{
	(void)data;
	free(p);
}

static ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t n)
{
	size_t left = MESSAGE_MEMORY;
	ProtobufCAllocator allocator = { .alloc = bounded_alloc, .free = bounded_free, .allocator_data = &left };

	return protobuf_c_message_unpack(type, &allocator, n, data);
}

/* --- connections ------------------------------------------------------------------------------------------ */

static void connection_break(struct connection *c)
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

/* Writes what the socket takes. */
static void connection_flush(struct connection *c)
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
}

static void call_cancel(struct call *call, enum grpc_status why)
{
	if (call->cancel)
		call->cancel(call, call->cancel_data, why);
}

static void connection_close(struct connection *c)
{
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
	c->server->connection_count--;
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

static void sweep(struct loop_timer *timer)
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

/* --- calls -------------------------------------------------------------------------------------------------- */

static void call_free(struct call *call)
{
	struct connection *c = call->connection;

	loop_timer_disarm(&call->deadline);
	if (c) {
		list_remove(&call->place);
		c->call_count--;
	}
	if (call->request)
		protobuf_c_message_free_unpacked(call->request, NULL);
	if (call->server->dispatching == call)
		call->server->dispatching = NULL;
	free(call);
}

static void deadline_passed(struct loop_timer *timer)
{
	call_cancel(timer->data, GRPC_DEADLINE_EXCEEDED);
}

uint64_t call_deadline(const struct call *call)
{
	return call->deadline_us;
}

void *call_data(const struct call *call)
{
	return call->server->data;
}

void call_keep_request(struct call *call)
{
	call->kept = true;
}

void call_on_cancel(struct call *call, cancel_fn *fn, void *data)
{
	call->cancel = fn;
	call->cancel_data = data;
}

void call_reply(struct call *call, const ProtobufCMessage *response)
{
	struct connection *c = call->connection;
	uint32_t stream = call->stream;

	call_free(call);
	if (!c || c->broken)
		return;
	if (ttrpc_add_response(&c->out, stream, response) < 0 &&
	    (errno != EMSGSIZE ||
	     ttrpc_add_error(&c->out, stream, GRPC_RESOURCE_EXHAUSTED, "the answer is longer than ttrpc allows") < 0))
		connection_break(c);
	connection_flush(c);
}

static void connection_fail(struct connection *c, uint32_t stream, enum grpc_status status, const char *text)
{
	if (ttrpc_add_error(&c->out, stream, (int)status, text) < 0)
		connection_break(c);
	connection_flush(c);
}

void call_fail(struct call *call, enum grpc_status status, const char *fmt, ...)
{
	struct connection *c = call->connection;
	uint32_t stream = call->stream;
	_cleanup_buf_ struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	call_free(call);
	if (c && !c->broken)
		connection_fail(c, stream, status, buf_text(&text));
}

/* --- requests ----------------------------------------------------------------------------------------------- */

static const struct method *method_find(const struct server *s, const char *service, const char *method, bool *known)
{
	*known = false;
	for (const struct service *const *at = s->services; *at; at++) {
		const struct service *v = *at;

		for (size_t n = 0; v->names[n]; n++) {
			if (!str_eq(v->names[n], service))
				continue;
			*known = true;
			for (size_t m = 0; m < v->method_count; m++)
				if (str_eq(v->methods[m].name, method))
					return &v->methods[m];
		}
	}
	return NULL;
}

static void call_dispatch(struct connection *c, uint32_t stream, const Ttrpc__Request *r, const struct method *m)
{
	struct server *s = c->server;
	struct call *call = calloc(1, sizeof(*call));
	ProtobufCMessage *request = message_unpack(m->request, r->payload.data, r->payload.len);

	if (!call || !request) {
		connection_fail(c, stream, call ? GRPC_INVALID_ARGUMENT : GRPC_RESOURCE_EXHAUSTED,
				call ? "the request's payload is not what the method takes" : "out of memory");
		if (request)
			protobuf_c_message_free_unpacked(request, NULL);
		free(call);
		return;
	}
	*call = (struct call){ .server = s, .connection = c, .stream = stream, .request = request };
	list_append(&c->calls, &call->place);
	c->call_count++;
	call->deadline = (struct loop_timer){ .fn = deadline_passed, .data = call };
	if (r->timeout_nano > 0) {
		call->deadline_us = loop_now() + (uint64_t)r->timeout_nano / 1000;
		/* Without memory for a timer the call has no limit on our side: its caller still keeps time. */
		(void)loop_timer_arm(s->loop, &call->deadline, call->deadline_us, NULL);
	}
	s->dispatching = call;
	m->fn(call, request);
	/* Still there, then waiting for something: without its request, if it does not need that. */
	if (s->dispatching == call && !call->kept) {
		protobuf_c_message_free_unpacked(call->request, NULL);
		call->request = NULL;
	}
	s->dispatching = NULL;
}

static void request_take(struct connection *c, const struct ttrpc_frame *f)
{
	Ttrpc__Request *r = (Ttrpc__Request *)message_unpack(&ttrpc__request__descriptor, f->data, f->length);
	const struct method *m = NULL;
	bool known;

	if (!r) {
		connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "the request is no ttrpc.Request");
		return;
	}
	m = method_find(c->server, r->service, r->method, &known);
	if (!m) {
		_cleanup_free_ char *text =
			known ? str_format("method %s", r->method) : str_format("service %s", r->service);

		connection_fail(c, f->stream, GRPC_UNIMPLEMENTED, text ? text : "");
	} else if (f->flags & TTRPC_REMOTE_OPEN) {
		connection_fail(c, f->stream, GRPC_UNIMPLEMENTED, "streaming requests");
	} else if (c->call_count >= CALLS_MAX) {
		connection_fail(c, f->stream, GRPC_RESOURCE_EXHAUSTED, "too many calls under way");
	} else {
		call_dispatch(c, f->stream, r, m);
	}
	ttrpc__request__free_unpacked(r, NULL);
}

static void frame_take(struct connection *c, const struct ttrpc_frame *f)
{
	if (f->oversized) {
		connection_fail(c, f->stream, GRPC_RESOURCE_EXHAUSTED, "the message is longer than ttrpc allows");
		return;
	}
	if (f->stream % 2 == 0) {
		connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "a client's stream has an odd number");
		return;
	}
	switch (f->type) {
	case TTRPC_REQUEST:
		if (f->stream <= c->last_stream) {
			connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "stream numbers have to grow");
			return;
		}
		c->last_stream = f->stream;
		request_take(c, f);
		return;
	case TTRPC_DATA:
		connection_fail(c, f->stream, GRPC_INVALID_ARGUMENT, "the stream takes no data");
		return;
	default:
		return; /* of a protocol that is newer than ours */
	}
}

/* --- reading -------------------------------------------------------------------------------------------------- */

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
			frame_take(c, &frame);
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
	struct connection *c;

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		/* The connection stays in the backlog: looking at it again at once would only burn time. */
		if (loop_timer_after(s->loop, &s->rest, REST_US, NULL) == 0)
			(void)loop_io_want(&s->listener, 0, NULL);
		return;
	}
	if (fd < 0 || s->connection_count >= CONNECTIONS_MAX || !peer_allowed(fd))
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->server = s;
	c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = connection_ready, .data = c };
	list_init(&c->calls);
	if (loop_io_add(s->loop, &c->io, NULL) < 0) {
		free(c);
		return;
	}
	steal_fd(&fd);
	list_append(&s->connections, &c->place);
	s->connection_count++;
}

int server_start(struct server *s, struct loop *loop, int listener, struct error *err)
{
	s->loop = loop;
	list_init(&s->connections);
	s->listener = (struct loop_io){ .fd = listener, .events = EPOLLIN, .fn = listener_ready, .data = s };
	s->rest = (struct loop_timer){ .fn = listener_rested, .data = s };
	s->sweep = (struct loop_timer){ .fn = sweep, .data = s };
	return loop_io_add(loop, &s->listener, err);
}

void server_close(struct server *s)
{
	loop_timer_disarm(&s->rest);
	loop_io_remove(&s->listener);
	cleanup_close(&s->listener.fd);
	s->listener.fd = -1;
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
