#include "sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fs.h>

#include "beneath.h"
#include "cleanup.h"
#include "ring.h"
#include "slot.h"

enum {
	FDS_MAX = 253, /* the kernel's SCM_MAX_FD */
	DATAGRAMS_A_TURN = 16,
};

struct source {
	struct sources *all;
	struct loop_io io;
	uint32_t slot;
	bool socket;
};

void sources_say(struct sources *s, const char *format, ...)
{
	char text[STORE_NAME + 256];
	struct memlog_entry e = { .source = MEMLOG_SELF, .source_len = strlen(MEMLOG_SELF), .msg = text };
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	e.msg_len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	clock_gettime(CLOCK_REALTIME, &e.time);
	ring_append(s->store, &e, -1, 0);
	s->grown(s->data);
}

/* --- one source --------------------------------------------------------------------------------------------------- */

static bool shelf_live(void *data, uint32_t slot, uint32_t generation, int *fd)
{
	struct sources *s = data;

	(void)fd;
	return slot < s->store->head->limits.sources && s->list[slot] && s->store->table[slot].live &&
		s->store->table[slot].generation == generation;
}

static void source_end(struct source *source)
{
	struct sources *s = source->all;

	loop_io_remove(&source->io);
	slot_end(s->store, source->slot);
	s->list[source->slot] = NULL;
	close(source->io.fd);
	free(source);
	if (shelf_drop(&s->shelf))
		shelf_sort(&s->shelf, shelf_live, s);
}

static ssize_t source_read(const struct source *source, void *to, size_t n)
{
	struct iovec iov = { to, n };

	if (source->socket)
		return recv(source->io.fd, to, n, MSG_DONTWAIT);
	if (slot_at(source->all->store, source->slot)->own)
		return read(source->io.fd, to, n);
	return syscall(SYS_preadv2, source->io.fd, &iov, 1L, -1L, -1L, RWF_NOWAIT); /* musl of Debian lacks it */
}

static void source_ready(struct loop_io *io, uint32_t events)
{
	struct source *source = io->data;
	struct sources *s = source->all;
	size_t room;
	uint8_t *to = slot_room(s->store, source->slot, &room);
	ssize_t n = source_read(source, to, room);

	(void)events;
	if (n > 0)
		slot_filled_add(s->store, source->slot, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		source_end(source);
	s->grown(s->data);
}

/* What fd is: NULL, or why it is not read. */
static const char *source_judge(int fd, struct stat *st, bool *is_socket)
{
	int type = 0, family = 0, flags = fcntl(fd, F_GETFL);
	socklen_t size = sizeof(type);

	if (flags < 0 || fstat(fd, st) < 0)
		return strerror(errno);
	*is_socket = S_ISSOCK(st->st_mode);
	if (*is_socket) {
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
		    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
			return strerror(errno);
		return type == SOCK_STREAM && family == AF_UNIX ? NULL : "it is no stream socket of the Unix family";
	}
	if (!S_ISFIFO(st->st_mode))
		return S_ISDIR(st->st_mode)                            ? "it is a directory"
			: S_ISREG(st->st_mode)                         ? "it is a file"
			: S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? "it is a device"
								       : "it is no pipe and no socket";
	return (flags & O_ACCMODE) == O_WRONLY || flags & O_PATH ? "it cannot be read from" : NULL;
}

/* A descriptor of our own for the same pipe. One that its sender can also write to stays so: it has no end of file. */
static int pipe_own(int fd)
{
	char path[BENEATH_FD_PATH_MAX];
	int access = fcntl(fd, F_GETFL) & O_ACCMODE;

	return open(beneath_fd_path(path, fd), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/* fd is the source's from here on, unless this fails. */
static int source_watch(struct sources *s, uint32_t slot, int fd, bool is_socket)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return -1;
	*source = (struct source){ .all = s, .slot = slot, .socket = is_socket };
	source->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = source_ready, .data = source };
	if (loop_io_add(s->loop, &source->io, NULL) < 0) {
		free(source);
		return -1;
	}
	s->list[slot] = source;
	return 0;
}

/* --- new ones ----------------------------------------------------------------------------------------------------- */

static bool source_known(const struct sources *s, const struct stat *st)
{
	for (uint32_t i = 0; i < s->store->head->limits.sources; i++) {
		const struct store_entry *e = &s->store->table[i];

		if (s->list[i] && e->ino == st->st_ino && e->dev == st->st_dev)
			return true;
	}
	return false;
}

/* NULL, or why it is not read. */
static const char *source_admit(struct sources *s, const char *name, size_t n, int fd)
{
	_cleanup_close_ int ours = -1;
	bool is_socket, own;
	struct stat st;
	const char *wrong = source_judge(fd, &st, &is_socket);
	uint32_t generation;
	int slot;

	if (wrong || source_known(s, &st))
		return wrong;
	ours = is_socket ? -1 : pipe_own(fd);
	own = ours >= 0;
	if (!own)
		ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	slot = ours < 0 ? -1 : slot_take(s->store, name, n, st.st_dev, st.st_ino, own);
	if (slot < 0)
		return ours < 0 ? strerror(errno) : "too many sources are read (-max-sources)";
	generation = s->store->table[slot].generation;
	if (shelf_put(&s->shelf, (uint32_t)slot, generation, ours) < 0)
		wrong = "too many sources are read";
	else if (source_watch(s, (uint32_t)slot, ours, is_socket) < 0)
		wrong = strerror(errno);
	if (wrong)
		slot_end(s->store, (uint32_t)slot);
	else
		ours = -1;
	return wrong;
}

static void datagram_admit(struct sources *s, const char *name, size_t n, const struct cmsghdr *c)
{
	int fds[FDS_MAX];
	size_t count;

	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	for (size_t i = 0; i < count; i++) {
		const char *wrong = source_admit(s, name, n, fds[i]);

		if (wrong)
			sources_say(s, "a descriptor of \"%.*s\" is not read: %s", (int)n, name, wrong);
		close(fds[i]);
	}
}

/* False: there is none. */
static bool datagram_take(struct sources *s)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	char name[STORE_NAME + 1];
	struct iovec iov = { name, sizeof(name) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n = recvmsg(s->log.fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return false;
	if (m.msg_flags & MSG_CTRUNC)
		sources_say(s, "descriptors of \"%.*s\" are not read: too many are open",
			    (int)(n < STORE_NAME ? n : STORE_NAME), name);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		datagram_admit(s, name, (size_t)n < STORE_NAME ? (size_t)n : STORE_NAME, c);
	(void)!recv(s->log.fd, name, 1, MSG_DONTWAIT); /* without room for its descriptors: they are closed */
	return true;
}

static void datagrams_ready(struct loop_io *io, uint32_t events)
{
	(void)events;
	for (int i = 0; i < DATAGRAMS_A_TURN && datagram_take(io->data); i++)
		;
}

/* --- after a memlogd that was killed -------------------------------------------------------------------------------
 */

static bool shelf_resume(void *data, uint32_t n, uint32_t generation, int *fd)
{
	struct sources *s = data;
	const struct store_entry *e = &s->store->table[n];
	struct stat st;

	if (n >= s->store->head->limits.sources || !e->live || e->generation != generation || s->list[n] ||
	    fstat(*fd, &st) < 0)
		return false;
	if (source_watch(s, n, *fd, S_ISSOCK(st.st_mode)) < 0)
		return false;
	*fd = -1;
	return true;
}

int sources_start(struct sources *s, int log_fd, struct error *err)
{
	uint32_t count = s->store->head->limits.sources;

	s->list = calloc(count, sizeof(struct source *));
	if (!s->list)
		return error_set(err, ENOMEM, "sources");
	shelf_sort(&s->shelf, shelf_resume, s);
	/* Killed before it was on the shelf: the datagram is there still. */
	for (uint32_t i = 0; i < count; i++)
		if (s->store->table[i].live && !s->list[i])
			slot_end(s->store, i);
	s->log = (struct loop_io){ .fd = log_fd, .events = EPOLLIN, .fn = datagrams_ready, .data = s };
	return loop_io_add(s->loop, &s->log, err);
}
