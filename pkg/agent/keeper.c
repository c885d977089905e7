#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "agent.h"
#include "claims.h"
#include "io.h"
#include "list.h"
#include "listener.h"
#include "log.h"
#include "ports.h"
#include "server.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"

enum {
	LEASES = 64,
	BACKLOG = 4096,
	ACCEPT_BATCH = 32,
};

/* A port that is held. While nobody has it, and once somebody listened, whoever connects is ended. */
struct held {
	struct loop_io io;
	uint32_t port;
	struct lease *lease; /* NULL: nobody has it */
};

/* A connection of a service. */
struct lease {
	struct keeper *all;
	struct list place;
	struct loop_io io;
	struct held *held; /* NULL: it has not asked yet */
};

struct keeper {
	struct loop *loop;
	struct listener listener; /* for those who ask; not active: none */
	struct list leases;
	size_t lease_count;
	struct held held[INITCTL_FDS];
	size_t count;
};

/* --- opened once -------------------------------------------------------------------------------------------------- */

static void fds_take(int fds[INITCTL_FDS], size_t *count, int fd, struct error *err)
{
	if (fd >= 0)
		fds[(*count)++] = fd;
	else
		log_error("%s", error_text(err));
	error_clear(err);
}

/* Who owns the folder asks: a container's user 0 without any capability is one. */
static int ports_listen(struct error *err)
{
	struct sockaddr_un address;
	mode_t old = umask(0077);
	int fd = -1;

	if (dir_make(PORTS_DIR, 0700, err) == 0) {
		unixsock_address(&address, -1, NULL, PORTS_SOCKET);
		fd = unixsock_listen(&address, SOCK_SEQPACKET, LEASES, err);
	}
	umask(old);
	return fd;
}

size_t keeper_sockets(int fds[INITCTL_FDS], const char *containers)
{
	_cleanup_error_ struct error e = { 0 };
	uint32_t ports[CLAIMS_MAX];
	struct claims claims;
	size_t count = 0, n, i;

	fds_take(fds, &count, vsock_listen(AGENT_PORT, SOCK_STREAM, AGENT_BACKLOG, &e), &e);
	fds_take(fds, &count, ports_listen(&e), &e);
	claims_init(&claims);
	claims_read(&claims, containers);
	n = claims_ports(&claims, ports);
	for (i = 0; i < n && count < INITCTL_FDS; i++)
		fds_take(fds, &count, vsock_bind(ports[i], SOCK_STREAM, &e), &e);
	if (i < n)
		log_warn("vsock port %u and %zu more are not held: there is room for %zu", ports[i], n - i - 1, i);
	return count;
}

/* --- ports -------------------------------------------------------------------------------------------------------- */

static void held_ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		close(fd);
	}
}

static void lease_free(struct lease *l)
{
	if (l->held) {
		l->held->lease = NULL;
		/* Not heard any more: no harm, they wait for the service that comes. */
		(void)!loop_io_add(l->all->loop, &l->held->io, NULL);
	}
	loop_io_remove(&l->io);
	close(l->io.fd);
	list_remove(&l->place);
	l->all->lease_count--;
	free(l);
}

/* The service is gone, but nobody has looked yet. */
static bool lease_over(const struct lease *l)
{
	char byte;
	ssize_t n = recv(l->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static struct held *held_find(struct keeper *k, const char *text)
{
	uint64_t port;

	if (str_to_u64(text, UINT32_MAX - 1, &port) < 0)
		return NULL;
	for (size_t i = 0; i < k->count; i++)
		if (k->held[i].port == port)
			return &k->held[i];
	return NULL;
}

static void lease_answer(struct lease *l, const char *text)
{
	struct held *h = held_find(l->all, text);

	if (h && h->lease && lease_over(h->lease))
		lease_free(h->lease);
	if (!h || h->lease) {
		(void)!ports_answer(l->io.fd, h ? "busy" : "none", -1); /* or it sees the end */
		lease_free(l);
		return;
	}
	loop_io_remove(&h->io);
	if (listen(h->io.fd, BACKLOG) < 0 || ports_answer(l->io.fd, "ok", h->io.fd) < 0) {
		log_warn("vsock port %u: %s", h->port, strerror(errno));
		lease_free(l);
		return;
	}
	h->lease = l;
	l->held = h;
}

static void lease_ready(struct loop_io *io, uint32_t events)
{
	struct lease *l = io->data;
	char text[PORTS_MESSAGE];
	ssize_t n = recv(io->fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || l->held) { /* a second question breaks the rules */
		lease_free(l);
		return;
	}
	text[n] = '\0';
	lease_answer(l, text);
}

static void lease_accepted(struct listener *from, int fd, const struct sockaddr *address)
{
	struct keeper *k = from->data;
	struct lease *l = k->lease_count < LEASES ? calloc(1, sizeof(*l)) : NULL;

	(void)address;
	if (!l) {
		close(fd);
		return;
	}
	l->all = k;
	l->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = lease_ready, .data = l };
	list_append(&k->leases, &l->place);
	k->lease_count++;
	if (loop_io_add(k->loop, &l->io, NULL) < 0)
		lease_free(l);
}

/* --- the agent's -------------------------------------------------------------------------------------------------- */

static int socket_keep(struct keeper *k, int fd, int *agent, struct error *err)
{
	union {
		struct sockaddr any;
		struct sockaddr_vm vm;
		struct sockaddr_un un;
	} a = { 0 };
	socklen_t n = sizeof(a);
	struct held *h = &k->held[k->count];

	if (getsockname(fd, &a.any, &n) < 0)
		return error_set(err, errno, "descriptor %d", fd);
	if (a.any.sa_family == AF_UNIX) {
		k->listener = (struct listener){ .accepted = lease_accepted, .data = k };
		return listener_start(&k->listener, k->loop, fd, err);
	}
	if (a.any.sa_family != AF_VSOCK)
		return error_set(err, 0, "descriptor %d is no listener", fd);
	if (a.vm.svm_port == AGENT_PORT) {
		*agent = fd;
		return 0;
	}
	*h = (struct held){ .port = a.vm.svm_port, .io = { .fd = fd, .events = EPOLLIN, .fn = held_ready } };
	k->count++;
	/* One that listens already was handed on by the agent before this one: its service may still have it. */
	return 0;
}

struct keeper *keeper_open(struct loop *loop, int first, size_t count, int *agent, struct error *err)
{
	struct keeper *k = calloc(1, sizeof(*k));

	*agent = -1;
	if (!k) {
		error_set(err, ENOMEM, "held ports");
		return NULL;
	}
	k->loop = loop;
	list_init(&k->leases);
	for (size_t i = 0; i < count && i < INITCTL_FDS; i++)
		if (socket_keep(k, first + (int)i, agent, err) < 0) {
			keeper_close(k);
			return NULL;
		}
	return k;
}

void keeper_close(struct keeper *k)
{
	if (!k)
		return;
	while (!list_empty(&k->leases))
		lease_free(list_entry(k->leases.next, struct lease, place));
	for (size_t i = 0; i < k->count; i++) {
		loop_io_remove(&k->held[i].io);
		close(k->held[i].io.fd);
	}
	listener_stop(&k->listener);
	free(k);
}
