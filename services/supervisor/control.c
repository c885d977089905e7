#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "list.h"
#include "listener.h"
#include "log.h"
#include "report.h"
#include "request.h"
#include "str.h"
#include "table.h"
#include "unixsock.h"

enum { CLIENTS_MAX = 32, PATIENCE_US = 10 * 1000 * 1000 };

enum wish { WISH_NONE, WISH_STARTED, WISH_UP, WISH_DOWN };

struct client {
	struct list place;
	struct control *control;
	struct loop_io io;
	struct loop_timer timer; /* for reading the request and writing the answer */
	struct buf in, out;
	struct service *service; /* waited for */
	enum wish wish;
	bool seen_down; /* a restart: it has been seen to end */
};

struct control {
	struct loop *loop;
	struct table *table;
	struct listener listener;
	struct list clients;
	unsigned count;
};

static void client_free(struct client *c)
{
	loop_io_remove(&c->io);
	loop_timer_disarm(&c->timer);
	close(c->io.fd);
	list_remove(&c->place);
	c->control->count--;
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

static void client_write(struct client *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->io.fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		buf_consume(&c->out, (size_t)n);
	}
	client_free(c);
}

/* The answer is complete: it is sent, and the connection closed. */
static void client_answer(struct client *c)
{
	c->wish = WISH_NONE;
	loop_timer_after(c->control->loop, &c->timer, PATIENCE_US, NULL);
	if (loop_io_want(&c->io, EPOLLOUT, NULL) < 0)
		client_free(c);
}

static void answer_error(struct client *c, const char *text)
{
	/* Without memory the connection ends without an answer, which the client takes for what it is. */
	(void)!buf_addf(&c->out, "error: %s\n", text);
	client_answer(c);
}

static void list_number(struct buf *out, bool there, uint64_t n)
{
	(void)!(there ? buf_addf(out, " %" PRIu64, n) : buf_addstr(out, " -"));
}

static void request_list(struct client *c)
{
	struct table *t = c->control->table;
	uint64_t now = report_now();
	size_t i;

	(void)!buf_addstr(&c->out, "ok\nNAME STATE PID RESTARTS UPTIME EXIT OOM_KILLS\n");
	for (i = 0; i < t->count; i++) {
		const struct service *s = t->services[i];

		(void)!buf_addf(&c->out, "%s %s", s->name, service_state_names[s->state]);
		list_number(&c->out, s->pid > 0, (uint64_t)s->pid);
		list_number(&c->out, true, s->restarts);
		list_number(&c->out, s->pid > 0, (now - s->started) / 1000000);
		list_number(&c->out, s->code >= 0, (uint64_t)s->code);
		list_number(&c->out, true, s->oom_kills);
		(void)!buf_addstr(&c->out, "\n");
	}
	client_answer(c);
}

static bool wish_fulfilled(enum wish wish, enum service_state state)
{
	if (wish == WISH_DOWN)
		return state == SERVICE_STOPPED;
	return state == SERVICE_RUNNING || state == SERVICE_ENDED ||
		(wish == WISH_STARTED && state == SERVICE_CHECKING);
}

/* Whether the client that waits for the service has its answer now. */
static void client_consider(struct client *c)
{
	const struct service *s = c->service;
	bool up = c->wish == WISH_UP || c->wish == WISH_STARTED;

	if (wish_fulfilled(c->wish, s->state)) {
		(void)!buf_addstr(&c->out, "ok\n");
		client_answer(c);
	} else if (up && (s->state == SERVICE_FAILED || s->state == SERVICE_BACKOFF)) {
		(void)!(s->code >= 0 ? buf_addf(&c->out, "error: %s: exit status %d\n", s->name, s->code)
				     : buf_addf(&c->out, "error: %s: could not be started\n", s->name));
		client_answer(c);
	} else if (up && s->state == SERVICE_STOPPED && !s->again) {
		answer_error(c, "stopped by another request");
	}
}

static void request_one(struct client *c, const struct request *r)
{
	struct table *t = c->control->table;
	_cleanup_error_ struct error err = { 0 };

	if (t->site.host->stopping) {
		answer_error(c, "shutting down");
		return;
	}
	c->service = table_take(t, r->name, r->dir, &err);
	if (!c->service || (r->socket && table_use(t, c->service, r->socket, &err) < 0)) {
		answer_error(c, error_text(&err));
		return;
	}
	/* Nothing is sent from within: the wish is looked at below, when the service has had its change. */
	if (r->verb == REQUEST_STOP)
		service_stop(c->service);
	else if (r->verb == REQUEST_RESTART)
		service_restart(c->service);
	else if (r->verb == REQUEST_START)
		service_start(c->service);
	c->wish = r->verb == REQUEST_STOP ? WISH_DOWN : r->verb == REQUEST_STARTED ? WISH_STARTED : WISH_UP;
	client_consider(c);
}

static void request_run(struct client *c)
{
	_cleanup_error_ struct error err = { 0 };
	struct request r;

	loop_timer_disarm(&c->timer);
	if (request_parse(buf_text(&c->in), c->in.len, &r, &err) < 0)
		answer_error(c, error_text(&err));
	else if (r.verb == REQUEST_LIST)
		request_list(c);
	else
		request_one(c, &r);
}

static void client_ready(struct loop_io *io, uint32_t events)
{
	struct client *c = io->data;
	char chunk[512];
	ssize_t n;

	if (io->events & EPOLLOUT) {
		client_write(c);
		return;
	}
	if (c->wish != WISH_NONE) { /* nothing more is expected: the client has gone */
		client_free(c);
		return;
	}
	(void)events;
	n = recv(io->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || c->in.len + (size_t)n > REQUEST_MAX || buf_add(&c->in, chunk, (size_t)n) < 0) {
		client_free(c);
		return;
	}
	if (n == 0) {
		loop_io_want(io, 0, NULL); /* a hang-up still comes */
		request_run(c);
	}
}

static void client_late(struct loop_timer *timer)
{
	client_free(timer->data);
}

/* Makes room: who has been silent longest goes. Those that wait for a service stay. */
static void oldest_drop(struct control *control)
{
	struct list *p;

	for (p = control->clients.next; p != &control->clients; p = p->next) {
		struct client *c = list_entry(p, struct client, place);

		if (loop_timer_armed(&c->timer)) {
			client_free(c);
			return;
		}
	}
}

static void client_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct control *control = l->data;
	struct client *c;

	(void)from;
	if (control->count >= CLIENTS_MAX)
		oldest_drop(control);
	c = control->count < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	c->control = control;
	c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = client_ready, .data = c };
	c->timer = (struct loop_timer){ .fn = client_late, .data = c };
	list_init(&c->place);
	list_append(&control->clients, &c->place);
	control->count++;
	if (loop_io_add(control->loop, &c->io, NULL) < 0 ||
	    loop_timer_after(control->loop, &c->timer, PATIENCE_US, NULL) < 0)
		client_free(c);
}

void control_changed(struct control *control, struct service *s)
{
	struct list *p, *next;

	if (!control)
		return;
	for (p = control->clients.next; p != &control->clients; p = next) {
		struct client *c = list_entry(p, struct client, place);

		next = p->next;
		if (c->wish != WISH_NONE && c->service == s)
			client_consider(c);
	}
}

struct control *control_new(struct table *t, const char *path, struct error *err)
{
	struct control *c = calloc(1, sizeof(*c));
	struct sockaddr_un address;
	mode_t old = umask(0077);
	int fd = -1;

	if (c) {
		*c = (struct control){ .loop = t->site.host->loop,
				       .table = t,
				       .listener = { .accepted = client_accepted, .data = c } };
		list_init(&c->clients);
		if (unixsock_address(&address, -1, NULL, path) == 0)
			fd = unixsock_listen(&address, SOCK_STREAM, 16, err);
	} else {
		error_set(err, ENOMEM, "%s", path);
	}
	umask(old);
	if (c && (fd < 0 || listener_start(&c->listener, c->loop, fd, err) < 0)) {
		control_free(c);
		return NULL;
	}
	return c;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	while (c->clients.next && !list_empty(&c->clients))
		client_free(list_entry(c->clients.next, struct client, place));
	listener_stop(&c->listener);
	free(c);
}
