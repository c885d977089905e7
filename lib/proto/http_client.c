#include "http_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "str.h"

enum {
	READ_SIZE = 64 * 1024,
	READS_A_ROUND = 16, /* a fast server must not keep the loop from everything else */
	PORT_LOW = 1023,
};

/* --- its end ------------------------------------------------------------------------------------------------------ */

static void connection_close(struct http_call *c)
{
	if (!c->connected && !loop_io_active(&c->io))
		return;
	loop_io_remove(&c->io);
	close(c->io.fd);
	c->connected = false;
}

static void call_close(struct http_call *c)
{
	connection_close(c);
	resolve_stop(&c->resolve);
	loop_timer_disarm(&c->deadline);
	buf_free(&c->request);
	free(c->what);
	c->what = NULL;
	c->active = false;
}

static void call_fail(struct http_call *c, struct error *err)
{
	error_wrap(err, "%s", c->what);
	call_close(c);
	c->done(c, err);
}

static void call_succeed(struct http_call *c)
{
	call_close(c);
	c->done(c, NULL);
}

void http_stop(struct http_call *c)
{
	if (c->active)
		call_close(c);
	http_answer_clear(&c->answer);
}

static void on_deadline(struct loop_timer *t)
{
	struct http_call *c = t->data;
	_cleanup_error_ struct error err = { 0 };

	error_say(&err, ETIMEDOUT, "%s", c->connected ? "the answer took too long" : "nobody answers");
	call_fail(c, &err);
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static int request_send(struct http_call *c, struct error *err)
{
	while (c->request.len > 0) {
		ssize_t n = send(c->io.fd, buf_bytes(&c->request), c->request.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return loop_io_want(&c->io, EPOLLIN | EPOLLOUT, err);
		if (n < 0) /* its answer, if any, says why it takes no more */
			buf_clear(&c->request);
		else
			buf_consume(&c->request, (size_t)n);
	}
	return loop_io_want(&c->io, EPOLLIN, err);
}

/* 1: whole, 0: more to come, -1 */
static int answer_read(struct http_call *c, struct error *err)
{
	static char bytes[READ_SIZE];

	for (int i = 0; i < READS_A_ROUND; i++) {
		ssize_t n = recv(c->io.fd, bytes, sizeof(bytes), 0);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : error_set(err, errno, "read the answer");
		if (n == 0)
			return http_answer_end(&c->answer, err) < 0 ? -1 : 1;
		r = http_answer_feed(&c->answer, bytes, (size_t)n, err);
		if (r != 0)
			return r;
	}
	return 0;
}

static void connect_next(struct http_call *c);

static int socket_error(int fd)
{
	int code = 0;
	socklen_t n = sizeof(code);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0 ? errno : code;
}

static void on_socket(struct loop_io *io, uint32_t events)
{
	struct http_call *c = io->data;
	_cleanup_error_ struct error err = { 0 };
	int r = 0;

	if (!c->connected) {
		c->last_error = socket_error(io->fd);
		if (c->last_error) {
			connection_close(c);
			connect_next(c);
			return;
		}
		c->connected = true;
		if (c->on_connected)
			c->on_connected(c->data, io->fd);
	}
	if (c->request.len > 0)
		r = request_send(c, &err);
	if (r == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		r = answer_read(c, &err);
	if (r < 0)
		call_fail(c, &err);
	else if (r > 0)
		call_succeed(c);
}

/* Any port that only a privileged program may take. */
static int low_port_bind(int fd, int family, int *port)
{
	for (; *port > 0; (*port)--) {
		struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port) };
		int r = family == AF_INET6 ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
					   : bind(fd, (struct sockaddr *)&v4, sizeof(v4));

		if (r == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -1;
	}
	errno = EADDRINUSE;
	return -1;
}

/* A socket that connects to the address; -1 with errno. A port that an old connection still has is passed over. */
static int connect_begin(const struct resolve_address *to, bool low_port)
{
	int port = PORT_LOW;

	for (;;) {
		_cleanup_close_ int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0 || (low_port && low_port_bind(fd, to->storage.ss_family, &port) < 0))
			return -1;
		if (connect(fd, (const struct sockaddr *)&to->storage, to->len) == 0 || errno == EINPROGRESS)
			return steal_fd(&fd);
		if (!low_port || errno != EADDRNOTAVAIL || --port == 0)
			return -1;
	}
}

static void connect_next(struct http_call *c)
{
	_cleanup_error_ struct error err = { 0 };

	while (c->next < c->count) {
		int fd = connect_begin(&c->addresses[c->next++], c->low_port);

		if (fd < 0) {
			c->last_error = errno;
			continue;
		}
		c->io = (struct loop_io){ .fd = fd, .events = EPOLLOUT, .fn = on_socket, .data = c };
		if (loop_io_add(c->loop, &c->io, &err) == 0)
			return;
		close(fd);
		call_fail(c, &err);
		return;
	}
	error_set(&err, c->last_error, "connect");
	call_fail(c, &err);
}

/* The first connection is begun by the loop: done() is never called by http_start(). */
static void on_begin(struct loop_timer *t)
{
	struct http_call *c = t->data;
	_cleanup_error_ struct error err = { 0 };

	t->fn = on_deadline;
	if (loop_timer_arm(c->loop, t, c->until, &err) < 0)
		call_fail(c, &err);
	else
		connect_next(c);
}

static void on_addresses(struct resolve *r, const struct resolve_address *found, size_t count, struct error *err)
{
	struct http_call *c = r->data;

	if (count == 0) {
		call_fail(c, err);
		return;
	}
	memcpy(c->addresses, found, count * sizeof(*found));
	c->count = count;
	connect_next(c);
}

/* --- the request -------------------------------------------------------------------------------------------------- */

static int request_write(struct http_call *c, const struct http_wish *w, struct error *err)
{
	const char *method = w->method ? w->method : "GET";
	int r;

	if (!http_value_valid(w->host) || !http_value_valid(w->target) || w->target[0] != '/' || strchr(w->target, ' '))
		return error_say(err, EINVAL, "http://%s%s: that is no URL", w->host, w->target);
	r = buf_addf(&c->request, "%s %s HTTP/1.1\r\nHost: %s", method, w->target, w->host);
	if (r == 0 && c->port != 80)
		r = buf_addf(&c->request, ":%u", c->port);
	if (r == 0)
		r = buf_addstr(&c->request, "\r\nUser-Agent: pith\r\nConnection: close\r\n");
	for (const char *const *h = w->headers; r == 0 && h && *h; h++) {
		if (!http_value_valid(*h))
			return error_say(err, EINVAL, "http://%s%s: a header holds a control character", w->host,
					 w->target);
		r = buf_addf(&c->request, "%s\r\n", *h);
	}
	if (r == 0 && (w->body_len > 0 || str_eq(method, "PUT") || str_eq(method, "POST")))
		r = buf_addf(&c->request, "Content-Length: %zu\r\n", w->body_len);
	if (r == 0)
		r = buf_addstr(&c->request, "\r\n");
	if (r == 0 && w->body_len > 0)
		r = buf_add(&c->request, w->body, w->body_len);
	c->what = c->port == 80 ? str_format("%s http://%s%s", method, w->host, w->target)
				: str_format("%s http://%s:%u%s", method, w->host, c->port, w->target);
	return r < 0 || !c->what ? error_set(err, ENOMEM, "http://%s%s", w->host, w->target) : 0;
}

static int call_begin(struct http_call *c, const struct http_wish *w, struct error *err)
{
	if (request_write(c, w, err) < 0)
		return -1;
	c->deadline = (struct loop_timer){ .fn = on_deadline, .data = c };
	if (w->address && w->address_len <= sizeof(c->addresses[0].storage)) {
		memcpy(&c->addresses[0].storage, w->address, w->address_len);
		c->addresses[0].len = w->address_len;
		c->count = 1;
	} else if (resolve_numeric(w->host, c->port, &c->addresses[0]) == 0) {
		c->count = 1;
	}
	if (c->count == 0) {
		c->resolve.data = c;
		return loop_timer_arm(c->loop, &c->deadline, w->deadline, err) < 0
			? -1
			: resolve_start(&c->resolve, c->loop, w->host, c->port, on_addresses, err);
	}
	c->deadline.fn = on_begin;
	c->until = w->deadline;
	return loop_timer_arm(c->loop, &c->deadline, 0, err);
}

int http_start(struct http_call *c, struct loop *loop, const struct http_wish *w, http_fn *done, struct error *err)
{
	*c = (struct http_call){ .data = c->data, .done = done, .loop = loop, .low_port = w->low_port, .active = true };
	c->on_connected = w->connected;
	c->answer.max = w->max;
	c->answer.no_body = w->method && str_eq(w->method, "HEAD");
	c->port = w->port ? w->port : 80;
	if (call_begin(c, w, err) < 0) {
		call_close(c);
		return -1;
	}
	return 0;
}
