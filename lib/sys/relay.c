#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"

enum {
	SMALL = 16384,       /* read at once where splice is not worth its pages */
	BIG = 256 * 1024,    /* what a pipe holds: the more, the fewer turns two programs take at the processor */
	BUDGET = 512 * 1024, /* bytes of one way before others get their turn */
	WATCHED = EPOLLIN | EPOLLRDHUP,
};

struct end {
	struct loop_io io;
	struct relay *relay;
	bool readable, writable; /* as far as known */
};

/* What was read and not written yet is either in the pipe or in `rest`. */
struct way {
	struct end *from, *to;
	struct relay_pipe pipe; /* read -1: none */
	size_t held;            /* bytes in it */
	struct buf rest;
	bool bulk;      /* many bytes came last time */
	bool no_splice; /* the kernel cannot splice these */
	bool eof, done;
};

struct relay {
	struct relays *all;
	struct end ends[2];
	struct way ways[2];
	struct list place;
};

/* --- pipes ------------------------------------------------------------------------------------------------------- */

static bool pipe_take(struct relays *all, struct way *w)
{
	int fds[2];

	if (w->pipe.read >= 0)
		return true;
	if (all->pooled > 0) {
		w->pipe = all->pool[--all->pooled];
		return true;
	}
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	w->pipe = (struct relay_pipe){ .read = fds[0], .write = fds[1] };
	/* What all pipes of a user hold is bounded, and it may have none to spare: then it holds less. */
	if (all->big < RELAY_BIG && fcntl(fds[1], F_SETPIPE_SZ, BIG) >= BIG) {
		w->pipe.big = true;
		all->big++;
	}
	return true;
}

/* An empty one may serve another way. */
static void pipe_give(struct relays *all, struct way *w)
{
	if (w->pipe.read < 0)
		return;
	if (w->held == 0 && all->pooled < RELAY_POOL) {
		all->pool[all->pooled++] = w->pipe;
	} else {
		close(w->pipe.read);
		close(w->pipe.write);
		all->big -= w->pipe.big;
	}
	w->held = 0;
	w->pipe = (struct relay_pipe){ .read = -1, .write = -1 };
}

/* --- one way ----------------------------------------------------------------------------------------------------- */

static void way_end(struct relay *r, struct way *w)
{
	pipe_give(r->all, w);
	buf_free(&w->rest);
	w->done = true;
}

/* Nobody takes the bytes any more: whoever sends them is told. */
static void way_broken(struct relay *r, struct way *w)
{
	way_end(r, w);
	shutdown(w->from->io.fd, SHUT_RD); /* fails when that end is gone as well */
}

static void way_finish(struct relay *r, struct way *w)
{
	way_end(r, w);
	shutdown(w->to->io.fd, SHUT_WR); /* likewise */
}

/* 1: bytes moved, 0: not now, -1: never */
static int io_outcome(ssize_t n)
{
	if (n > 0 || (n < 0 && errno == EINTR))
		return 1;
	return n < 0 && errno == EAGAIN ? 0 : -1;
}

/* Room is asked for only where there was none: each time a reader takes something would be an event otherwise. */
static int end_block(struct end *e)
{
	e->writable = false;
	return loop_io_want(&e->io, WATCHED | EPOLLOUT | EPOLLET, NULL) < 0 ? -1 : 0;
}

/* The kernel takes no splice into this socket after all: what the pipe has goes the other way. */
static int pipe_empty(struct relay *r, struct way *w)
{
	uint8_t *p = buf_reserve(&w->rest, w->held);
	ssize_t n = p ? read(w->pipe.read, p, w->held) : -1;

	if (n != (ssize_t)w->held)
		return -1;
	buf_commit(&w->rest, w->held);
	w->held = 0;
	w->no_splice = true;
	pipe_give(r->all, w);
	return 1;
}

static int way_write(struct relay *r, struct way *w)
{
	ssize_t n;
	int go;

	if (!w->to->writable)
		return 0;
	if (w->held > 0) {
		n = splice(w->pipe.read, NULL, w->to->io.fd, NULL, w->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (n < 0 && errno == EINVAL)
			return pipe_empty(r, w);
		if (n > 0)
			w->held -= (size_t)n;
	} else {
		n = send(w->to->io.fd, buf_bytes(&w->rest), w->rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			buf_consume(&w->rest, (size_t)n);
		if (w->rest.len == 0)
			buf_free(&w->rest);
	}
	go = io_outcome(n);
	return go == 0 ? end_block(w->to) : go;
}

/* By hand. Returns the bytes read, which are written or in `rest`. */
static ssize_t way_copy(struct way *w)
{
	static char chunk[SMALL];
	ssize_t n = recv(w->from->io.fd, chunk, sizeof(chunk), MSG_DONTWAIT), sent = 0;

	if (n <= 0)
		return n;
	w->bulk = (size_t)n == sizeof(chunk);
	if (w->to->writable)
		sent = send(w->to->io.fd, chunk, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* A failure comes again when the rest is written. */
	if (sent < 0)
		sent = 0;
	if (sent < n && buf_add(&w->rest, chunk + sent, (size_t)(n - sent)) < 0) {
		errno = ENOMEM;
		return -1;
	}
	return n;
}

static ssize_t way_splice(struct relay *r, struct way *w)
{
	ssize_t n;

	if (!pipe_take(r->all, w)) {
		w->bulk = false;
		return way_copy(w);
	}
	n = splice(w->from->io.fd, NULL, w->pipe.write, NULL, BIG, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (n < 0 && errno == EINVAL) {
		w->no_splice = true;
		return way_copy(w);
	}
	if (n > 0) {
		w->held = (size_t)n;
		w->bulk = n >= SMALL / 2;
	}
	return n;
}

/* Until it stands still or has had its turn. True: more to do. */
static bool way_run(struct relay *r, struct way *w)
{
	size_t moved = 0;
	ssize_t n;
	int go;

	while (!w->done && moved < BUDGET) {
		if (w->held > 0 || w->rest.len > 0) {
			go = way_write(r, w);
			if (go < 0)
				way_broken(r, w);
			if (go <= 0)
				return false;
			continue;
		}
		if (w->eof) {
			way_finish(r, w);
			return false;
		}
		if (!w->from->readable)
			break;
		n = w->bulk && !w->no_splice ? way_splice(r, w) : way_copy(w);
		go = io_outcome(n);
		if (go == 0)
			w->from->readable = false;
		else if (go < 0)
			w->eof = true; /* an error is an end, too */
		else if (n > 0)
			moved += (size_t)n;
	}
	if (w->held == 0)
		pipe_give(r->all, w);
	return !w->done && moved >= BUDGET;
}

/* --- both ways --------------------------------------------------------------------------------------------------- */

static void relay_free(struct relay *r)
{
	struct relays *all = r->all;
	int i;

	for (i = 0; i < 2; i++) {
		pipe_give(r->all, &r->ways[i]);
		buf_free(&r->ways[i].rest);
		loop_io_remove(&r->ends[i].io);
		if (r->ends[i].io.fd >= 0)
			close(r->ends[i].io.fd);
	}
	list_remove(&r->place);
	all->count--;
	free(r);
	if (all->count == 0 && all->ended)
		all->ended(all);
}

static void relay_run(struct relay *r)
{
	bool more = way_run(r, &r->ways[0]);

	more |= way_run(r, &r->ways[1]);
	if (r->ways[0].done && r->ways[1].done) {
		relay_free(r);
		return;
	}
	if (more && list_empty(&r->place)) {
		list_append(&r->all->busy, &r->place);
		/* At the end of the round, after everybody else. */
		if (!loop_timer_armed(&r->all->turn))
			loop_timer_arm(r->all->loop, &r->all->turn, loop_now(), NULL);
	}
}

static void relays_turn(struct loop_timer *t)
{
	struct relays *all = t->data;
	struct list now;

	/* Those that are busy now; who is busy again after that waits for the next round. */
	list_init(&now);
	while (!list_empty(&all->busy)) {
		struct list *first = all->busy.next;

		list_remove(first);
		list_append(&now, first);
	}
	while (!list_empty(&now)) {
		struct relay *r = list_entry(now.next, struct relay, place);

		list_remove(&r->place);
		relay_run(r);
	}
}

/* Nothing that is written to this end will be read. A vsock peer that closed looks to poll like one that only ended its
 * own side; an empty message tells. */
static bool end_deaf(const struct end *e, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR))
		return true;
	return events & EPOLLRDHUP && send(e->io.fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
}

static void end_ready(struct loop_io *io, uint32_t events)
{
	struct end *e = io->data;
	struct way *w = &e->relay->ways[e == &e->relay->ends[0]]; /* the way to this end */

	if (!w->done && end_deaf(e, events))
		way_broken(e->relay, w);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		e->readable = true;
	if (!e->writable && events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
		e->writable = true;                        /* or fails: either is news */
		loop_io_want(io, WATCHED | EPOLLET, NULL); /* else it hears more than it needs */
	}
	if (list_empty(&e->relay->place))
		relay_run(e->relay);
}

void relays_init(struct relays *all, struct loop *loop)
{
	*all = (struct relays){ .loop = loop };
	list_init(&all->busy);
	all->turn = (struct loop_timer){ .fn = relays_turn, .data = all };
}

int relay_start(struct relays *all, int a, int b, struct error *err)
{
	int fds[2] = { a, b }, i;
	struct relay *r = calloc(1, sizeof(*r));

	if (!r) {
		close(a);
		close(b);
		return error_set(err, ENOMEM, "relay");
	}
	r->all = all;
	all->count++;
	list_init(&r->place);
	for (i = 0; i < 2; i++) {
		struct end *e = &r->ends[i];

		e->relay = r;
		e->readable = e->writable = true;
		e->io = (struct loop_io){
			.fd = fds[i],
			.events = WATCHED | EPOLLET,
			.fn = end_ready,
			.data = e,
		};
		r->ways[i] = (struct way){ .from = e, .to = &r->ends[!i], .pipe = { .read = -1, .write = -1 } };
	}
	for (i = 0; i < 2; i++) {
		if (loop_io_add(all->loop, &r->ends[i].io, err) < 0) {
			relay_free(r);
			return -1;
		}
	}
	return 0; /* what is there to read already is their first event */
}
