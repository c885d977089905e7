#include "readers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ring.h"

enum {
	READERS_MAX = 128,
	PIECE = 4096, /* sent at once; a pipe that poll(2) calls writable takes as much */
	TURN = 16,    /* pieces, then others have theirs */
	ASK_US = 10000000,
};

struct reader {
	struct readers *all;
	struct list place;
	struct loop_io io;
	struct loop_timer patience; /* until it has said what it wants */
	struct ring_place at;
	uint64_t until; /* offset in the ring; UINT64_MAX: it follows */
	struct buf out;
	uint8_t ask[MEMLOG_ASK];
	size_t ask_len;
	bool asked, text, plain; /* plain: a file, which epoll has no events for */
};

static void reader_free(struct reader *r)
{
	loop_io_remove(&r->io);
	loop_timer_disarm(&r->patience);
	list_remove(&r->place);
	if (r == r->all->output)
		r->all->output = NULL;
	else
		r->all->count--;
	buf_free(&r->out);
	close(r->io.fd);
	free(r);
}

/* --- what is sent --------------------------------------------------------------------------------------------------
 */

static int entry_add(struct reader *r, const struct memlog_entry *e)
{
	return r->text ? memlog_text_add(&r->out, e) : memlog_json_add(&r->out, e);
}

static int missed_add(struct reader *r, uint64_t missed)
{
	char text[96];
	struct memlog_entry e = { .source = MEMLOG_SELF, .source_len = strlen(MEMLOG_SELF), .msg = text };

	e.number = ring_first(r->all->store).number - 1; /* who goes on behind it gets all that there is */
	e.msg_len = (size_t)snprintf(text, sizeof(text), "%llu entries are missing here: this reader was too slow",
				     (unsigned long long)missed);
	clock_gettime(CLOCK_REALTIME, &e.time);
	return entry_add(r, &e);
}

/* Entries until there is a piece; false without memory. */
static bool reader_fill(struct reader *r)
{
	struct memlog_entry e;
	uint64_t missed;

	while (r->out.len < PIECE && r->at.offset < r->until) {
		int more = ring_next(r->all->store, &r->at, &e, &missed);

		if (missed > 0 && missed_add(r, missed) < 0)
			return false;
		if (!more || (missed > 0 && r->at.offset > r->until))
			return true;
		if (entry_add(r, &e) < 0)
			return false;
	}
	return true;
}

/* Sent, 0: it takes no more now, -1: it has gone. */
static ssize_t piece_send(struct reader *r)
{
	struct pollfd p = { .fd = r->io.fd, .events = POLLOUT };
	size_t n = r->out.len < PIECE ? r->out.len : PIECE;
	ssize_t sent;

	if (r != r->all->output)
		sent = send(r->io.fd, buf_bytes(&r->out), n, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (!r->plain && poll(&p, 1, 0) == 0) /* its flags are not ours alone to change */
		return 0;
	else
		sent = write(r->io.fd, buf_bytes(&r->out), n);
	return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

static void reader_want(struct reader *r, uint32_t events)
{
	if (!r->plain)
		loop_io_want(&r->io, (r->io.events & EPOLLIN) | events, NULL);
}

static void reader_send(struct reader *r)
{
	for (int turn = 0; turn < TURN || r->plain; turn++) {
		ssize_t n;

		if (!reader_fill(r)) {
			reader_free(r);
			return;
		}
		if (r->out.len == 0) {
			buf_free(&r->out);
			reader_want(r, 0);
			if (r->until != UINT64_MAX)
				reader_free(r);
			return;
		}
		n = piece_send(r);
		if (n < 0) {
			reader_free(r);
			return;
		}
		buf_consume(&r->out, (size_t)n);
		if (n == 0)
			break;
	}
	reader_want(r, EPOLLOUT);
}

/* --- what it asks for ----------------------------------------------------------------------------------------------
 */

static void reader_asks(struct reader *r, const uint8_t *bytes, size_t n)
{
	const struct store *store = r->all->store;
	enum memlog_query mode;
	uint64_t next;

	if (r->asked)
		return; /* it has nothing more to say */
	n = n < MEMLOG_ASK - r->ask_len ? n : MEMLOG_ASK - r->ask_len;
	memcpy(r->ask + r->ask_len, bytes, n);
	r->ask_len += n;
	if (memlog_ask_parse(r->ask, r->ask_len, &mode, &next) == 0)
		return;
	r->asked = true;
	loop_timer_disarm(&r->patience);
	r->at = mode == MEMLOG_FOLLOW ? ring_last(store)
		: mode == MEMLOG_FROM ? ring_find(store, next)
				      : ring_first(store);
	r->until = mode == MEMLOG_DUMP ? store->head->end : UINT64_MAX;
}

static void reader_ready(struct loop_io *io, uint32_t events)
{
	struct reader *r = io->data;
	uint8_t bytes[64];
	ssize_t n;

	if (events & EPOLLIN) {
		n = recv(io->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			reader_asks(r, bytes, (size_t)n);
		if (n < 0 || (n == 0 && !r->asked)) {
			reader_free(r);
			return;
		}
		if (n == 0) /* it says no more, and may go on reading */
			loop_io_want(io, io->events & ~(uint32_t)EPOLLIN, NULL);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		reader_free(r);
		return;
	}
	if (r->asked)
		reader_send(r);
}

static void reader_silent(struct loop_timer *timer)
{
	reader_free(timer->data);
}

static struct reader *reader_new(struct readers *all, int fd)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->all = all;
	list_init(&r->place);
	r->patience = (struct loop_timer){ .fn = reader_silent, .data = r };
	r->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = reader_ready, .data = r };
	return r;
}

static void reader_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	struct readers *all = l->data;
	struct reader *r = reader_new(all, fd);

	(void)from;
	if (!r) {
		close(fd);
		return;
	}
	all->count++;
	list_append(&all->all, &r->place);
	if (loop_io_add(all->loop, &r->io, NULL) < 0 || loop_timer_after(all->loop, &r->patience, ASK_US, NULL) < 0)
		reader_free(r);
}

static bool reader_room(struct listener *l)
{
	return ((struct readers *)l->data)->count < READERS_MAX;
}

/* --- all of them ---------------------------------------------------------------------------------------------------
 */

static int output_start(struct readers *all, struct error *err)
{
	_cleanup_close_ int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	struct reader *r = fd < 0 ? NULL : reader_new(all, fd);

	if (!r)
		return error_set(err, errno, "standard output");
	r->asked = r->text = true;
	r->at = ring_last(all->store);
	r->until = UINT64_MAX;
	r->io.events = 0;
	r->plain = loop_io_add(all->loop, &r->io, NULL) < 0;
	all->output = r;
	fd = -1;
	return 0;
}

int readers_start(struct readers *all, int listen_fd, bool output, struct error *err)
{
	list_init(&all->all);
	all->listener = (struct listener){ .accepted = reader_accepted, .room = reader_room, .data = all };
	if (listener_start(&all->listener, all->loop, listen_fd, err) < 0)
		return -1;
	return output ? output_start(all, err) : 0;
}

void readers_wake(struct readers *all)
{
	struct list *next;

	/* Those that wait for room have an event of their own. */
	for (struct list *at = all->all.next; at != &all->all; at = next) {
		struct reader *r = list_entry(at, struct reader, place);

		next = at->next;
		if (r->asked && !(r->io.events & EPOLLOUT))
			reader_send(r);
	}
	if (all->output && !(all->output->io.events & EPOLLOUT))
		reader_send(all->output);
}
