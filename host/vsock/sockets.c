#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "beneath.h"
#include "lines.h"
#include "listener.h"
#include "log.h"
#include "str.h"
#include "unixsock.h"

enum {
	BACKLOG = 4096,
	LINE_US = 30 * 1000000, /* for a client's first line */
	FRONT_END_FDS = 16,     /* descriptors kept for what the front-end sends: without them it would be lost */
	MESSAGE_MAX = 212992,   /* send buffer asked for on seqpacket sockets: it bounds a message */
};

enum kind { GUEST, CONNECT, HYBRID };

/* Where connections come in. */
struct entry {
	struct listener listener;
	struct sockets *all;
	struct sockaddr_un address;
	uint32_t port;
	uint16_t type;
	uint8_t kind;
};

/* One that has not said yet where it wants to. */
struct client {
	struct loop_io io;
	struct loop_timer timer;
	struct entry *from;
	struct list place;
};

struct sockets {
	struct loop *loop;
	struct vsock_device *dev;
	char *dir, *hybrid;
	const char *hybrid_name; /* in it, behind the last slash */
	int dirfd, hybrid_dir;
	struct entry *entries;
	size_t count;
	struct list clients;
	bool warned, told;
};

/* --- guest to host ----------------------------------------------------------------------------------------------- */

/* Less than asked for is fine: larger messages are then refused one by one. */
static void messages_allow(int fd)
{
	int size = MESSAGE_MAX;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Descriptors are given out from the lowest. */
static bool descriptors_left(const struct sockets *s)
{
	struct rlimit limit = { 0 };
	int next = fcntl(s->dirfd, F_DUPFD_CLOEXEC, 0);

	if (next >= 0)
		close(next);
	return next >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)next + FRONT_END_FDS < limit.rlim_cur;
}

/* Connects to the socket by that name below a directory, if it is this user's or root's. Others can write to /tmp,
 * where a hybrid socket may be. */
static int dial_below(struct sockets *s, int dirfd, const char *name, int type)
{
	const struct beneath_want want = { .type = S_IFSOCK, .owner = BENEATH_ANY_OWNER };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_close_ int at = beneath_open(dirfd, name, O_PATH, 0, &want, &e);
	char link[BENEATH_FD_PATH_MAX];
	struct sockaddr_un address;
	struct stat st;
	int fd;

	if (at < 0 || fstat(at, &st) < 0) {
		errno = at < 0 ? e.code : errno;
		return -1;
	}
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		if (!s->told)
			log_warn("vsock: %s belongs to user %u: the guest is not let to it", name, st.st_uid);
		s->told = true;
		errno = EPERM;
		return -1;
	}
	if (unixsock_address(&address, -1, NULL, beneath_fd_path(link, at)) < 0)
		return -1;
	fd = unixsock_connect(&address, type);
	if (fd >= 0 && type == SOCK_SEQPACKET)
		messages_allow(fd);
	return fd;
}

enum dial sockets_dial(void *data, uint32_t host_port, uint16_t vsock_type, int *out)
{
	struct sockets *s = data;
	int type = vsock_type == VSOCK_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM, fd;
	_cleanup_free_ char *beside = NULL;
	char name[24];

	if (!descriptors_left(s))
		return DIAL_LATER;
	snprintf(name, sizeof(name), "%08x.%08" PRIx32, VSOCK_CID_HOST, host_port);
	fd = dial_below(s, s->dirfd, name, type);
	if (fd < 0 && errno == ENOENT && s->hybrid) {
		beside = str_format("%s_%" PRIu32, s->hybrid_name, host_port);
		if (beside)
			fd = dial_below(s, s->hybrid_dir, beside, type);
	}
	if (fd < 0)
		return errno == EAGAIN ? DIAL_LATER : DIAL_REFUSED;
	*out = fd;
	return DIAL_DONE;
}

/* --- host to guest ----------------------------------------------------------------------------------------------- */

static void client_free(struct client *c)
{
	list_remove(&c->place);
	loop_timer_disarm(&c->timer);
	loop_io_remove(&c->io);
	if (c->io.fd >= 0)
		close(c->io.fd);
	free(c);
}

static void client_late(struct loop_timer *t)
{
	client_free(t->data);
}

/* Bytes of the client's first line, 0: not there yet, -1: wrong. The end of what a client sends ends its line; one that
 * has gone in the middle of it wants nothing more. */
static int client_line(const struct client *client, const char *line, size_t n, uint32_t events, uint64_t *cid,
		       uint32_t *port)
{
	bool ended = events & (EPOLLRDHUP | EPOLLHUP);

	if (events & EPOLLHUP && !memchr(line, '\n', n))
		return -1;
	return client->from->kind == HYBRID ? lines_parse_hybrid(line, n, ended, port)
					    : lines_parse_connect(line, n, ended, cid, port);
}

/* The line is looked at where it is, so that what follows it stays in the socket. */
static void client_ready(struct loop_io *io, uint32_t events)
{
	struct client *client = io->data;
	struct sockets *s = client->from->all;
	char line[LINES_BYTES_MAX];
	uint64_t cid = s->dev->conns.cid;
	uint32_t port = 0;
	ssize_t n = recv(io->fd, line, sizeof(line), MSG_PEEK | MSG_DONTWAIT);
	int used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	used = n <= 0 ? -1 : client_line(client, line, (size_t)n, events, &cid, &port);
	if (used == 0)
		return;
	if (used > 0 && cid == s->dev->conns.cid && recv(io->fd, line, (size_t)used, MSG_DONTWAIT) == used) {
		loop_io_remove(io);
		device_connect(s->dev,
			       &(struct conns_client){ .fd = steal_fd(&io->fd),
						       .guest_port = port,
						       .type = VSOCK_STREAM,
						       .greet = client->from->kind == HYBRID });
	}
	client_free(client);
}

static void client_start(struct entry *l, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	list_init(&c->place);
	c->from = l;
	c->timer = (struct loop_timer){ .fn = client_late, .data = c };
	/* Edges, since half a line stays in the socket. */
	c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .fn = client_ready, .data = c };
	if (loop_io_add(l->all->loop, &c->io, NULL) < 0 ||
	    loop_timer_after(l->all->loop, &c->timer, LINE_US, NULL) < 0) {
		client_free(c);
		return;
	}
	list_append(&l->all->clients, &c->place);
}

static bool entry_room(struct listener *listener)
{
	const struct entry *e = listener->data;

	return descriptors_left(e->all);
}

static void entry_resting(struct listener *listener, int code)
{
	struct entry *e = listener->data;

	if (!e->all->warned)
		log_warn("vsock: clients have to wait: %s", strerror(code));
	e->all->warned = true;
}

static void entry_accepted(struct listener *listener, int fd, const struct sockaddr *from)
{
	struct entry *e = listener->data;

	(void)from;
	if (e->type == VSOCK_SEQPACKET)
		messages_allow(fd);
	if (e->kind == GUEST)
		device_connect(e->all->dev, &(struct conns_client){ .fd = fd, .guest_port = e->port, .type = e->type });
	else
		client_start(e, fd);
}

/* --- open and close ---------------------------------------------------------------------------------------------- */

static int entry_open(struct sockets *s, const struct entry *what, const char *name, struct error *err)
{
	struct entry *l = &s->entries[s->count];
	bool path = what->kind == HYBRID;
	int fd;

	*l = *what;
	l->all = s;
	if (unixsock_address(&l->address, s->dirfd, path ? NULL : s->dir, name) < 0)
		return error_set(err, errno, "%s", name);
	fd = unixsock_listen(&l->address, l->type == VSOCK_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM, BACKLOG, err);
	if (fd < 0)
		return -1;
	l->listener = (struct listener){
		.accepted = entry_accepted, .room = entry_room, .resting = entry_resting, .data = l
	};
	s->count++;
	return listener_start(&l->listener, s->loop, fd, err);
}

static int entries_open(struct sockets *s, const struct sockets_options *o, struct error *err)
{
	struct entry l = { .kind = GUEST };
	const char *rest = o->ports;
	char name[24];
	int r;

	while ((r = lines_parse_port(&rest, &l.port, &l.type)) > 0) {
		snprintf(name, sizeof(name), "guest.%08" PRIx32, l.port);
		if (entry_open(s, &l, name, err) < 0)
			return -1;
	}
	if (r < 0)
		return error_set(err, 0, "\"%s\" is no list of ports, such as 2374,2376", o->ports);
	if (entry_open(s, &(struct entry){ .kind = CONNECT, .type = VSOCK_STREAM }, "connect", err) < 0)
		return -1;
	if (s->hybrid && entry_open(s, &(struct entry){ .kind = HYBRID, .type = VSOCK_STREAM }, s->hybrid, err) < 0)
		return -1;
	return 0;
}

/* The directory of the hybrid socket, where programs of the host put theirs. */
static int hybrid_open(struct sockets *s, struct error *err)
{
	const char *slash = strrchr(s->hybrid, '/');
	_cleanup_free_ char *dir = slash ? strndup(s->hybrid, (size_t)(slash - s->hybrid) + 1) : strdup(".");

	s->hybrid_name = slash ? slash + 1 : s->hybrid;
	s->hybrid_dir = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	return s->hybrid_dir < 0 ? error_set(err, dir ? errno : ENOMEM, "--hybrid %s", s->hybrid) : 0;
}

struct sockets *sockets_open(struct loop *loop, struct vsock_device *dev, const struct sockets_options *o,
			     struct error *err)
{
	struct sockets *s = calloc(1, sizeof(*s));
	size_t most = 3;
	const char *p;

	for (p = o->ports; *p; p++)
		most += *p == ',';
	if (!s) {
		error_set(err, ENOMEM, "vsock sockets");
		return NULL;
	}
	list_init(&s->clients);
	s->loop = loop;
	s->dev = dev;
	s->dirfd = open(o->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->dir = strdup(o->state);
	s->hybrid = o->hybrid ? strdup(o->hybrid) : NULL;
	s->entries = calloc(most, sizeof(*s->entries));
	s->hybrid_dir = -1;
	if (s->dirfd < 0)
		error_set(err, errno, "state directory %s", o->state);
	else if (!s->dir || !s->entries || (o->hybrid && !s->hybrid))
		error_set(err, ENOMEM, "vsock sockets");
	else if ((!s->hybrid || hybrid_open(s, err) == 0) && entries_open(s, o, err) == 0)
		return s;
	sockets_close(s);
	return NULL;
}

void sockets_close(struct sockets *s)
{
	size_t i;

	if (!s)
		return;
	while (!list_empty(&s->clients))
		client_free(list_entry(s->clients.next, struct client, place));
	for (i = 0; i < s->count; i++) {
		listener_stop(&s->entries[i].listener);
		unlink(s->entries[i].address.sun_path); /* somebody may have removed it already */
	}
	if (s->dirfd >= 0)
		close(s->dirfd);
	if (s->hybrid_dir >= 0)
		close(s->hybrid_dir);
	free(s->entries);
	free(s->dir);
	free(s->hybrid);
	free(s);
}
