#include "fifos.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "beneath.h"
#include "copy.h"
#include "list.h"
#include "str.h"
#include "unixsock.h"

enum {
	BACKLOG = 64,
	STREAMS = 4096,         /* three for each process */
	ASKING = 32,            /* that have not got one yet */
	PATIENCE_US = 10000000, /* for a request */
	REFUSAL_US = 200000,
};

struct fifos {
	struct loop *loop;
	struct loop_io io;
	struct sockaddr_un address;
	char **folders;
	struct secret secret;
	secret_reach_fn *reach;
	void *reach_data;
	struct list streams;
	unsigned count, asking;
	int dirfd;
};

/* One connection of the guest:
 *
 *   accepted --> ASKING --- the secret, and a fifo that may be had: "ok" ---> COPYING --- its end ---> freed
 *                  |  |
 *                  |  +--- without the secret ---> WAITING --- the agent has it: "again" ---> freed
 *                  |                                  |
 *                  +--- no such fifo ---> REFUSED <---+ no agent takes it
 *                                            |
 *                                            +--- after a while: "error ..." ---> freed
 *
 * All but COPYING count as asking, which is bounded: the oldest of them makes room. ASKING and REFUSED have a deadline
 * that frees them, WAITING has one of secret.c besides. */
enum stream_state { STREAM_ASKING, STREAM_WAITING, STREAM_REFUSED, STREAM_COPYING };

struct stream {
	struct fifos *all;
	struct list place;
	struct loop_io io; /* the connection; while copying only for what the guest does with its other end */
	struct loop_timer timer;
	struct buf in;
	struct copy copy;
	char refusal[160];
	enum stream_state state;
	bool write; /* COPYING: into the fifo */
};

/* --- which fifo --------------------------------------------------------------------------------------------------- */

static int fifo_reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_CLOEXEC);
}

/* Looked at before it is opened: opening a device may do something. */
static int fifo_open_below(const char *folder, const char *rest, struct error *err)
{
	const struct beneath_want want = { .type = S_IFIFO, .owner = geteuid() };
	_cleanup_close_ int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	int fifo;

	if (dir < 0)
		return error_set(err, errno, "%s", folder);
	fd = beneath_open(dir, rest, O_PATH, 0, &want, err);
	if (fd < 0)
		return -1;
	fifo = fifo_reopen(fd, O_RDWR);
	return fifo < 0 ? error_set(err, errno, "%s/%s", folder, rest) : fifo;
}

int fifos_find(char *const *folders, const char *path, struct error *err)
{
	for (; *folders; folders++) {
		size_t n = strlen(*folders);

		if (strncmp(path, *folders, n) == 0 && path[n] == '/' && path[n + 1])
			return fifo_open_below(*folders, path + n + 1, err);
	}
	return error_set(err, 0, "%s is in no folder for fifos of the guest", path);
}

/* --- one connection ----------------------------------------------------------------------------------------------- */

static void stream_free(struct stream *s)
{
	if (s->state != STREAM_COPYING)
		s->all->asking--;
	s->all->count--;
	copy_stop(&s->copy);
	loop_timer_disarm(&s->timer);
	loop_io_remove(&s->io);
	close(s->io.fd);
	list_remove(&s->place);
	buf_free(&s->in);
	free(s);
}

static void stream_copied(struct copy *c)
{
	stream_free(c->data);
}

static void stream_late(struct loop_timer *timer)
{
	struct stream *s = timer->data;

	if (*s->refusal)
		(void)!send(s->io.fd, s->refusal, strlen(s->refusal),
			    MSG_NOSIGNAL | MSG_DONTWAIT); /* or without a word */
	stream_free(s);
}

static void stream_refuse(struct stream *s, const char *why)
{
	snprintf(s->refusal, sizeof(s->refusal), "error %.*s\n", (int)sizeof(s->refusal) - 8, why);
	s->state = STREAM_REFUSED;
	loop_io_remove(&s->io);
	if (loop_timer_after(s->all->loop, &s->timer, REFUSAL_US, NULL) < 0)
		stream_free(s);
}

/* The guest has ended its side, and copying goes on with what it still concerns:
 * - it wants no more than what is in the fifo: without our own writing end that has an end of file;
 * - it has gone, and output is left: without our own reading end, a fifo that nobody reads breaks. */
static void stream_other_end(struct loop_io *io, uint32_t events)
{
	struct stream *s = io->data;
	bool gone = events & (EPOLLHUP | EPOLLERR);
	int fd;

	loop_io_remove(io);
	if (gone && !s->write) {
		stream_free(s);
		return;
	}
	fd = fifo_reopen(s->write ? s->copy.out.fd : s->copy.in.fd, s->write ? O_WRONLY : O_RDONLY);
	io->events = 0; /* what is left to be told is its going */
	if (fd < 0 || (!gone && loop_io_add(s->all->loop, io, NULL) < 0)) {
		if (fd >= 0)
			close(fd);
		stream_free(s);
		return;
	}
	/* May end it: the last thing done with it. */
	if (s->write)
		(void)!copy_swap_output(&s->copy, fd); /* fails with EBADF at most, which copying then finds too */
	else
		(void)!copy_swap_input(&s->copy, fd);
}

static int stream_copy(struct stream *s, int fifo, struct error *err)
{
	int connection = fcntl(s->io.fd, F_DUPFD_CLOEXEC, 3);

	loop_io_remove(&s->io);
	s->io.fn = stream_other_end;
	s->io.events = s->write ? 0 : EPOLLRDHUP;
	if (connection < 0) {
		close(fifo);
		return error_set(err, errno, "copy");
	}
	if (copy_start(&s->copy, s->all->loop, s->write ? connection : fifo, s->write ? fifo : connection, 0,
		       stream_copied, s, err) < 0)
		return -1;
	return loop_io_add(s->all->loop, &s->io, err);
}

static void stream_asked(struct stream *s, const struct fifo_request *request)
{
	_cleanup_error_ struct error e = { 0 };
	int fifo;

	if (!secret_is(&s->all->secret, request->secret)) {
		/* The machine's shim after all, perhaps. Nothing that it says is looked at before. */
		s->state = STREAM_WAITING;
		loop_io_remove(&s->io);
		secret_give(&s->all->secret);
		return;
	}
	fifo = fifos_find(s->all->folders, request->path, &e);
	s->write = request->write;
	if (fifo < 0) {
		stream_refuse(s, error_text(&e));
		return;
	}
	loop_timer_disarm(&s->timer);
	s->state = STREAM_COPYING;
	s->all->asking--;
	/* A new connection has room for three bytes. */
	if (send(s->io.fd, "ok\n", 3, MSG_NOSIGNAL | MSG_DONTWAIT) != 3) {
		close(fifo);
		stream_free(s);
	} else if (stream_copy(s, fifo, &e) < 0) {
		stream_free(s);
	}
}

/* The agent has the secret, or cannot have it: those who asked without it are told. */
static void secret_given(void *data, const struct error *why)
{
	struct fifos *f = data;
	struct list *at = f->streams.next, *next;

	for (; at != &f->streams; at = next) {
		struct stream *s = list_entry(at, struct stream, place);

		next = at->next;
		if (s->state != STREAM_WAITING)
			continue;
		if (why) {
			stream_refuse(s, error_text(why));
			continue;
		}
		(void)!send(s->io.fd, "again\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT); /* or it has gone */
		stream_free(s);
	}
}

static int agent_reach(void *data, int fd)
{
	struct fifos *f = data;

	if (f->reach)
		return f->reach(f->reach_data, fd);
	close(fd);
	return -1;
}

static void stream_ready(struct loop_io *io, uint32_t events)
{
	struct stream *s = io->data;
	uint8_t *room = buf_reserve(&s->in, FIFO_LINE);
	ssize_t n = room ? recv(io->fd, room, FIFO_LINE - s->in.len, MSG_DONTWAIT) : 0;
	struct fifo_request request;
	size_t used;
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		stream_free(s);
		return;
	}
	buf_commit(&s->in, (size_t)n);
	r = fifo_request_parse(buf_bytes(&s->in), s->in.len, &request, &used, NULL);
	if (r < 0 || (r > 0 && used < s->in.len))
		stream_refuse(s, "broken request");
	else if (r > 0)
		stream_asked(s, &request);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* The shim asks as soon as it is connected: who has been connected for longest without having got anything goes first.
 */
static void oldest_drop(struct fifos *f)
{
	for (struct list *at = f->streams.next; at != &f->streams; at = at->next) {
		struct stream *s = list_entry(at, struct stream, place);

		if (s->state != STREAM_COPYING) {
			stream_free(s);
			return;
		}
	}
}

static void accept_ready(struct loop_io *io, uint32_t events)
{
	struct fifos *f = io->data;
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct stream *s;

	(void)events;
	if (fd < 0)
		return;
	if (f->asking >= ASKING)
		oldest_drop(f);
	s = f->asking < ASKING && f->count < STREAMS ? calloc(1, sizeof(*s)) : NULL;
	if (!s) {
		close(fd);
		return;
	}
	s->all = f;
	s->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = stream_ready, .data = s };
	s->timer = (struct loop_timer){ .fn = stream_late, .data = s };
	s->state = STREAM_ASKING;
	f->asking++;
	f->count++;
	list_append(&f->streams, &s->place);
	if (loop_io_add(f->loop, &s->io, NULL) < 0 || loop_timer_after(f->loop, &s->timer, PATIENCE_US, NULL) < 0)
		stream_free(s);
}

static char **folders_find(const char *state, const char *more)
{
	_cleanup_free_ char *real = realpath(state, NULL);
	_cleanup_strv_ char **v = strv_split(more ? more : "", ":");

	if (!v || !real || strv_add(&v, FIFOS_DEFAULT) < 0 || strv_add(&v, real) < 0)
		return NULL;
	/* As clients write them: to be compared with paths. */
	for (char **p = v; *p; p++)
		for (size_t n = strlen(*p); n > 1 && (*p)[n - 1] == '/'; n--)
			(*p)[n - 1] = '\0';
	return steal_ptr(&v);
}

struct fifos *fifos_open(struct loop *loop, const struct fifos_options *o, struct error *err)
{
	struct fifos *f = calloc(1, sizeof(*f));
	char name[24];

	if (!f) {
		error_set(err, ENOMEM, "fifos");
		return NULL;
	}
	list_init(&f->streams);
	f->loop = loop;
	f->reach = o->reach;
	f->reach_data = o->data;
	f->secret = (struct secret){ .loop = loop, .reach = agent_reach, .done = secret_given, .data = f };
	f->io = (struct loop_io){ .fd = -1, .events = EPOLLIN, .fn = accept_ready, .data = f };
	f->folders = folders_find(o->state, o->folders);
	f->dirfd = open(o->state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(name, sizeof(name), "00000002.%08" PRIx32, (uint32_t)FIFO_PORT);
	if (secret_init(&f->secret, err) < 0)
		;
	else if (!f->folders || f->dirfd < 0 || unixsock_address(&f->address, f->dirfd, o->state, name) < 0)
		error_set(err, errno, "%s/%s", o->state, name);
	else if ((f->io.fd = unixsock_listen(&f->address, SOCK_STREAM, BACKLOG, err)) >= 0 &&
		 loop_io_add(loop, &f->io, err) == 0)
		return f;
	fifos_close(f);
	return NULL;
}

char *const *fifos_folders(const struct fifos *f)
{
	return f->folders;
}

void fifos_close(struct fifos *f)
{
	if (!f)
		return;
	while (!list_empty(&f->streams))
		stream_free(list_entry(f->streams.next, struct stream, place));
	loop_io_remove(&f->io);
	if (f->io.fd >= 0) {
		close(f->io.fd);
		unlink(f->address.sun_path); /* somebody may have removed it */
	}
	if (f->dirfd >= 0)
		close(f->dirfd);
	strv_free(f->folders);
	secret_clear(&f->secret);
	free(f);
}
