#include "http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_BYTES = 4096,
	PATIENCE_US = 30 * 1000 * 1000, /* for the rest of a request, and for the client to take the answer */
	IDLE_US = 120 * 1000 * 1000,    /* between requests: Go's clients keep a connection 90 s */
};

struct connection {
	struct http_listener *from;
	struct http_server *server;
	struct list place;
	struct loop_io io;
	struct loop_timer timer;
	struct buf in, body, out;
	bool ending; /* after the answer */
};

static void connection_free(struct connection *c)
{
	loop_timer_disarm(&c->timer);
	loop_io_remove(&c->io);
	close(c->io.fd);
	list_remove(&c->place);
	c->server->count--;
	buf_free(&c->in);
	buf_free(&c->body);
	buf_free(&c->out);
	free(c);
}

static void connection_late(struct loop_timer *timer)
{
	connection_free(timer->data);
}

static int connection_wait(struct connection *c, uint64_t us)
{
	return loop_timer_after(c->server->loop, &c->timer, us, NULL);
}

const char *http_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < array_len(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static int reply_put(struct connection *c, const struct http_reply *a, bool head)
{
	if (buf_addf(&c->out, "HTTP/1.1 %u %s\r\nContent-Length: %zu\r\n", a->status, http_reason(a->status),
		     a->body->len) < 0 ||
	    (a->type && buf_addf(&c->out, "Content-Type: %s\r\n", a->type) < 0) ||
	    (c->ending && buf_addstr(&c->out, "Connection: close\r\n") < 0) || buf_addstr(&c->out, "\r\n") < 0)
		return -1;
	return head || a->body->len == 0 ? 0 : buf_add(&c->out, buf_bytes(a->body), a->body->len);
}

/* The request cannot be read on: what follows it cannot be told from it. 1, or -1. */
static int request_refuse(struct connection *c, unsigned status, const char *why)
{
	_cleanup_buf_ struct buf body = { 0 };
	struct http_reply a = { .status = status, .type = "text/plain", .body = &body };

	c->ending = true;
	buf_clear(&c->in);
	return buf_addf(&body, "%s\n", why) < 0 || reply_put(c, &a, false) < 0 ? -1 : 1;
}

static int request_answer(struct connection *c, const struct http_head *head)
{
	_cleanup_buf_ struct buf body = { 0 };
	_cleanup_free_ char *path = strndup(head->target.at, head->target.len);
	struct http_reply a = { .status = 200, .body = &body };
	struct http_request r = {
		.head = head, .path = path, .body = buf_text(&c->body), .body_len = c->body.len, .from = c->from->who
	};

	if (!path)
		return -1;
	path[strcspn(path, "?#")] = '\0';
	c->ending = head->close;
	c->server->handler(c->server->data, &r, &a);
	return reply_put(c, &a, http_text_is(&head->method, "HEAD"));
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* 1: a request was answered, 0: it is not all there, -1: no memory. */
static int request_take(struct connection *c)
{
	_cleanup_error_ struct error e = { 0 };
	const char *bytes = (const char *)buf_bytes(&c->in);
	size_t size = c->in.len > 0 ? http_head_size(bytes, c->in.len) : 0;
	struct http_head head;

	if (size == 0 && c->in.len <= HTTP_REQUEST_MAX)
		return 0;
	if (size == 0 || size > HTTP_REQUEST_MAX)
		return request_refuse(c, 431, "the head of the request is too long");
	if (http_request_parse(bytes, size, &head, &e) < 0)
		return request_refuse(c, 400, error_text(&e));
	if (head.chunked)
		return request_refuse(c, 411, "the body has to say its length");
	if (head.length > HTTP_SERVER_BODY_MAX)
		return request_refuse(c, 413, "the body is too long");
	if (c->in.len - size < head.length)
		return 0;
	buf_clear(&c->body);
	if (buf_add(&c->body, bytes + size, (size_t)head.length) < 0 || request_answer(c, &head) < 0)
		return -1;
	buf_consume(&c->in, size + (size_t)head.length);
	return 1;
}

/* 1: all is written, 0: not now, -1: the client is gone. */
static int connection_flush(struct connection *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->io.fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		buf_consume(&c->out, (size_t)n);
	}
	return 1;
}

/* As long as there are whole requests and the client takes the answers. -1: the end. */
static int connection_go(struct connection *c)
{
	int r;

	do {
		r = connection_flush(c);
		if (r < 0 || (r == 1 && c->ending))
			return -1;
		if (r == 0)
			return connection_wait(c, PATIENCE_US) < 0 ? -1 : loop_io_want(&c->io, EPOLLOUT, NULL);
		r = request_take(c);
	} while (r > 0);
	if (r < 0 || connection_wait(c, c->in.len > 0 ? PATIENCE_US : IDLE_US) < 0)
		return -1;
	if (c->in.len == 0) {
		buf_free(&c->in);
		buf_free(&c->body);
		buf_free(&c->out);
	}
	return loop_io_want(&c->io, EPOLLIN, NULL);
}

/* 1: bytes came, 0: none now, -1: the end. */
static int connection_read(struct connection *c)
{
	uint8_t *room = buf_reserve(&c->in, READ_BYTES);
	ssize_t n = room ? recv(c->io.fd, room, READ_BYTES, MSG_DONTWAIT) : -1;

	if (n < 0 && room && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	buf_commit(&c->in, (size_t)n);
	return 1;
}

static void connection_ready(struct loop_io *io, uint32_t events)
{
	struct connection *c = io->data;
	int r = 1;

	if (c->out.len == 0)
		r = connection_read(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		r = -1;
	if (r < 0 || (r > 0 && connection_go(c) < 0))
		connection_free(c);
}

/* --- listeners ---------------------------------------------------------------------------------------------------- */

static bool connection_room(struct listener *l)
{
	const struct http_listener *from = l->data;

	return from->server->count < HTTP_SERVER_CONNECTIONS_MAX;
}

static void connection_accepted(struct listener *l, int fd, const struct sockaddr *address)
{
	struct http_listener *from = l->data;
	struct connection *c = from->welcome && !from->welcome(from, address) ? NULL : calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->from = from;
	c->server = from->server;
	c->server->count++;
	list_append(&c->server->connections, &c->place);
	c->timer = (struct loop_timer){ .fn = connection_late, .data = c };
	c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = connection_ready, .data = c };
	if (loop_io_add(c->server->loop, &c->io, NULL) < 0 || connection_wait(c, PATIENCE_US) < 0)
		connection_free(c);
}

void http_server_init(struct http_server *s, struct loop *loop)
{
	s->loop = loop;
	s->count = 0;
	list_init(&s->connections);
}

int http_server_listen(struct http_listener *l, int fd, struct error *err)
{
	l->listener = (struct listener){ .accepted = connection_accepted, .room = connection_room, .data = l };
	return listener_start(&l->listener, l->server->loop, fd, err);
}

void http_server_close(struct http_server *s)
{
	while (!list_empty(&s->connections))
		connection_free(list_entry(s->connections.next, struct connection, place));
}
