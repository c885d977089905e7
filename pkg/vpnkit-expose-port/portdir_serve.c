#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "confine.h"
#include "log.h"
#include "portdir.h"
#include "portfs.h"
#include "str.h"

enum {
	CHUNK = 16 * 1024,
	OUT_MAX = 64 * 1024, /* a client that does not read is not heard either */
};

struct server {
	struct loop *loop;
	const struct vpnkit_address *host;
	const char *mark;
	struct portfs fs;
	struct loop_io io;
	struct buf in;
	bool quit; /* the loop goes on where ports are closed behind that */
	int status;
};

/* What the host is asked for a port; one at a time. The call comes first: it is what is called back with. */
struct asking {
	struct http_call call;
	struct server *server;
	struct portfs_port *port;
};

static void server_work(struct server *s);

static void server_quit(struct server *s, int status)
{
	s->quit = true;
	s->status = status;
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static struct asking *asking_new(struct server *s, struct portfs_port *p)
{
	struct asking *a = p->call ? p->call : calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->server = s;
	a->port = p;
	p->call = a;
	return a;
}

static void asking_free(struct asking *a)
{
	http_stop(&a->call);
	a->port->call = NULL;
	free(a);
}

/* 0: done as it was asked. -1: why not. */
static int answer_check(const struct http_call *call, struct error *failed, struct error *err)
{
	if (failed)
		return error_move(err, failed);
	if (call->answer.status == 400)
		return control_error(&call->answer, err);
	if (call->answer.status / 100 != 2)
		return error_set(err, 0, "the host answers with status %u", call->answer.status);
	return 0;
}

static void asking_opened(struct asking *a, const struct error *why)
{
	struct portfs_port *p = a->port;
	struct server *s = a->server;

	asking_free(a);
	portfs_opened(p, why);
	server_work(s);
}

/* The port that the host has chosen is that of the list with the same annotation. */
static int list_look(const struct buf *json, struct vpnkit_port *port, struct error *err)
{
	struct jsonr all, one;
	struct jsonr_iter it;

	if (jsonr_parse(buf_text(json), json->len, &all, err) < 0)
		return error_wrap(err, "the host's list");
	it = jsonr_iter(&all);
	while (all.type == JSONR_ARRAY && jsonr_element(&it, &one)) {
		_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 };

		if (vpnkit_port_from_json(&one, &p, NULL) < 0 || !p.annotation ||
		    !str_eq(p.annotation, port->annotation))
			continue;
		port->out_port = p.out_port;
		return 0;
	}
	return error_set(err, 0, "the host's list has not the port that it opened");
}

static void list_done(struct http_call *call, struct error *failed)
{
	struct asking *a = (struct asking *)call;
	_cleanup_error_ struct error e = { 0 };

	if (answer_check(call, failed, &e) < 0 || list_look(&call->answer.body, &a->port->port, &e) < 0)
		log_warn("%s", error_text(&e)); /* it is open all the same */
	asking_opened(a, NULL);
}

static int list_ask(struct asking *a, struct error *err)
{
	const struct http_wish wish = {
		.host = "unix",
		.target = VPNKIT_LIST,
		.address = (const struct sockaddr *)&a->server->host->address,
		.address_len = a->server->host->len,
		.deadline = loop_now() + CONTROL_PATIENCE_US,
		.max = CONTROL_ANSWER_MAX,
	};

	http_stop(&a->call);
	return http_start(&a->call, a->server->loop, &wish, list_done, err);
}

static void open_done(struct http_call *call, struct error *failed)
{
	struct asking *a = (struct asking *)call;
	const struct vpnkit_port *port = &a->port->port;
	_cleanup_error_ struct error e = { 0 };

	if (answer_check(call, failed, &e) < 0)
		asking_opened(a, &e);
	else if (port->proto == VPNKIT_UNIX || port->out_port != 0 || list_ask(a, &e) < 0)
		asking_opened(a, NULL);
}

static int change_ask(struct server *s, struct portfs_port *p, bool open, http_fn *done, struct error *err)
{
	struct asking *a = asking_new(s, p);
	_cleanup_buf_ struct buf body = { 0 };
	struct http_wish wish;

	if (!a || !p->port.annotation || control_wish(s->host, &p->port, open, &body, &wish) < 0)
		error_set(err, ENOMEM, "port");
	else if (http_start(&a->call, s->loop, &wish, done, err) == 0)
		return 0;
	if (a)
		asking_free(a);
	return -1;
}

static void port_open(void *data, struct portfs_port *p)
{
	struct server *s = data;
	_cleanup_error_ struct error e = { 0 };

	p->port.annotation = str_format("%s%llu", s->mark, (unsigned long long)p->id);
	if (change_ask(s, p, true, open_done, &e) < 0)
		portfs_opened(p, &e);
}

static void close_done(struct http_call *call, struct error *failed)
{
	struct asking *a = (struct asking *)call;
	struct portfs_port *p = a->port;
	_cleanup_error_ struct error e = { 0 };

	if (answer_check(call, failed, &e) < 0)
		log_warn("a port stays open: %s", error_text(&e));
	asking_free(a);
	portfs_closed(p);
}

static void port_close(void *data, struct portfs_port *p)
{
	_cleanup_error_ struct error e = { 0 };

	if (change_ask(data, p, false, close_done, &e) == 0)
		return;
	log_warn("a port stays open: %s", error_text(&e));
	portfs_closed(p);
}

static const struct portfs_handler handler = { .expose = port_open, .unexpose = port_close };

/* --- the client --------------------------------------------------------------------------------------------------- */

static int client_send(struct server *s)
{
	struct buf *out = &s->fs.out;

	while (out->len > 0) {
		ssize_t n = send(s->io.fd, buf_bytes(out), out->len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		buf_consume(out, (size_t)n);
	}
	return 0;
}

/* Takes what is there already, answers, and says to the loop what it waits for. */
static void server_work(struct server *s)
{
	_cleanup_error_ struct error e = { 0 };
	size_t used;
	int r = 1;

	while (r > 0 && s->fs.out.len < OUT_MAX) {
		r = portfs_next(&s->fs, buf_bytes(&s->in), s->in.len, &used, &e);
		if (r > 0)
			buf_consume(&s->in, used);
	}
	if (r < 0) {
		log_error("%s", error_text(&e));
		server_quit(s, 1);
		return;
	}
	if (client_send(s) < 0 ||
	    loop_io_want(&s->io, (s->fs.out.len < OUT_MAX ? EPOLLIN : 0) | (s->fs.out.len > 0 ? EPOLLOUT : 0), &e) < 0)
		server_quit(s, 0);
}

static void client_ready(struct loop_io *io, uint32_t events)
{
	struct server *s = io->data;
	uint8_t *room;
	ssize_t n;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		room = buf_reserve(&s->in, CHUNK);
		n = room ? recv(io->fd, room, CHUNK, MSG_DONTWAIT) : 0;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			server_quit(s, 0);
			return;
		}
		if (n > 0)
			buf_commit(&s->in, (size_t)n);
	}
	server_work(s);
}

static void on_signal(void *data, int signo)
{
	struct server *s = data;

	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		server_quit(s, 0);
}

int portdir_serve(const struct vpnkit_address *host, const char *mark, int fd, bool sweep, struct error *err)
{
	static struct server s;
	_cleanup_error_ struct error e = { 0 };
	struct control c;
	sigset_t signals;
	int r = 0;

	s = (struct server){ .loop = loop_new(err), .host = host, .mark = mark };
	s.fs = (struct portfs){ .handler = &handler, .data = &s };
	s.io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = client_ready, .data = &s };
	portfs_init(&s.fs);
	loop_signals_fill(&signals);
	if (!s.loop || loop_signals(s.loop, &signals, on_signal, &s, err) < 0 || loop_io_add(s.loop, &s.io, err) < 0 ||
	    confine_relay(err) < 0)
		return -1;
	while (r >= 0 && !s.quit)
		r = loop_once(s.loop, -1, err);
	loop_io_remove(&s.io);
	c = (struct control){ .loop = s.loop, .address = *host };
	if (sweep && portdir_sweep(&c, mark, &e) < 0)
		log_warn("%s", error_text(&e));
	return r < 0 ? -1 : s.status;
}
