#include "gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"
#include "str.h"
#include "unixsock.h"

enum { WAITING_MOST = 256, BACKLOG = 128 };

struct caller {
	struct list place;
	int fd;
};

/* The descriptor is taken over. */
static void caller_lead(struct gate *g, int fd)
{
	_cleanup_error_ struct error err = { 0 };
	struct sockaddr_un address;
	int there = unixsock_address(&address, -1, NULL, g->to) < 0 ? -1 : unixsock_connect(&address, SOCK_STREAM);

	if (there < 0) {
		log_warn("%s: %m", g->to);
		close(fd);
	} else if (relay_start(&g->relays, fd, there, &err) < 0) {
		log_warn("%s: %s", g->to, error_text(&err));
	}
}

static void caller_free(struct gate *g, struct caller *c)
{
	list_remove(&c->place);
	free(c);
	g->count--;
}

static void caller_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct gate *g = l->data;
	struct caller *c;

	(void)from;
	if (g->to) {
		caller_lead(g, fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	list_init(&c->place);
	list_append(&g->waiting, &c->place);
	g->count++;
	g->called(g->data);
}

static bool waiting_room(struct listener *l)
{
	const struct gate *g = l->data;

	return g->count < WAITING_MOST;
}

static void callers_left(struct relays *all)
{
	const struct gate *g = all->data;

	if (g->left)
		g->left(g->data);
}

int gate_open(struct gate *g, struct loop *loop, const char *path, struct error *err)
{
	struct sockaddr_un address;
	mode_t old = umask(0117);
	int fd = -1;

	g->loop = loop;
	g->listener = (struct listener){ .accepted = caller_accepted, .room = waiting_room, .data = g };
	relays_init(&g->relays, loop);
	g->relays.ended = callers_left;
	g->relays.data = g;
	list_init(&g->waiting);
	if (unixsock_address(&address, -1, NULL, path) < 0)
		error_set(err, errno, "%s", path);
	else
		fd = unixsock_listen(&address, SOCK_STREAM, BACKLOG, err);
	umask(old);
	return fd < 0 ? -1 : listener_start(&g->listener, loop, fd, err);
}

void gate_lead(struct gate *g, const char *to)
{
	g->to = to;
	while (to && g->loop && !list_empty(&g->waiting)) {
		struct caller *c = list_entry(g->waiting.next, struct caller, place);
		int fd = c->fd;

		caller_free(g, c);
		caller_lead(g, fd);
	}
}

void gate_close(struct gate *g)
{
	if (!g->loop)
		return;
	listener_stop(&g->listener);
	while (!list_empty(&g->waiting)) {
		struct caller *c = list_entry(g->waiting.next, struct caller, place);

		close(c->fd);
		caller_free(g, c);
	}
}

int gate_take_down(const char *from, const char *path, struct error *err)
{
	_cleanup_free_ char *beside = str_format("%s.new", path);

	if (!beside)
		return error_set(err, ENOMEM, "%s", path);
	unlink(beside);
	if (link(from, beside) == 0 && rename(beside, path) == 0) {
		unlink(beside); /* rename(2) does nothing where both are the same file */
		return 0;
	}
	error_set(err, errno, "%s", path);
	unlink(beside);
	return -1;
}
