#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io.h"

enum {
	SPLICE_SIZE = 1 << 20,
	ROUNDS = 16, /* then others get their turn */
	BUFFER_SIZE = 16 << 10,
};

enum outcome { MOVED, WAIT_IN, WAIT_OUT, HUNG_UP, ENDED };

/* Waits for one end only: the other one, ready all the time, would keep the loop awake. So would a terminal that nobody
 * has open, since its hang-up is reported for as long as it lasts: of that only changes are asked for. */
static int wait_for(struct copy *c, enum outcome what)
{
	struct loop_io *on = what == WAIT_OUT ? &c->out : &c->in, *off = what == WAIT_OUT ? &c->in : &c->out;
	bool changes = what == HUNG_UP || (what == WAIT_OUT && c->to_terminal);
	uint32_t events = (what == WAIT_OUT ? EPOLLOUT : EPOLLIN) | (changes ? EPOLLET : 0);

	loop_io_remove(off);
	if (loop_io_active(on))
		return loop_io_want(on, events, NULL);
	on->events = events;
	return loop_io_add(c->loop, on, NULL);
}

static enum outcome splice_some(struct copy *c)
{
	ssize_t n = splice(c->in.fd, NULL, c->out.fd, NULL, SPLICE_SIZE, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	int queued = 0;

	if (n > 0)
		return MOVED;
	if (n == 0)
		return ENDED;
	switch (errno) {
	case EINTR:
		return MOVED;
	case EAGAIN:
		/* Which end was it? Bytes that came in between make this the wrong answer, but not for long. */
		return ioctl(c->in.fd, FIONREAD, &queued) == 0 && queued > 0 ? WAIT_OUT : WAIT_IN;
	case EINVAL: /* not for these descriptors: an append-only file, a terminal */
		c->buffered = true;
		return MOVED;
	default:
		if (!c->lossy)
			return ENDED;
		c->buffered = c->discard = true;
		return MOVED;
	}
}

/* 0: written or given up; -1: the rest is held. */
static int write_some(struct copy *c, const char *data, size_t n)
{
	size_t done = 0;

	while (done < n && !c->discard) {
		ssize_t w = write(c->out.fd, data + done, n - done);

		if (w >= 0) {
			done += (size_t)w;
		} else if (errno == EAGAIN || (errno == EIO && c->to_terminal)) {
			memmove(c->held, data + done, n - done);
			c->held_len = n - done;
			return -1;
		} else if (errno != EINTR) {
			c->discard = true;
		}
	}
	c->held_len = 0;
	return 0;
}

static enum outcome buffer_some(struct copy *c)
{
	static char shared[BUFFER_SIZE];
	ssize_t n;

	if (!c->held) {
		c->held = malloc(BUFFER_SIZE);
		if (!c->held)
			return ENDED;
	}
	if (c->held_len > 0 && write_some(c, c->held, c->held_len) < 0)
		return WAIT_OUT;
	if (c->discard && !c->lossy)
		return ENDED;
	n = read(c->in.fd, shared, sizeof(shared));
	if (n == 0)
		return ENDED;
	if (n < 0 && errno == EIO && c->from_terminal)
		return HUNG_UP;
	if (n < 0)
		return errno == EAGAIN ? WAIT_IN : errno == EINTR ? MOVED : ENDED;
	return write_some(c, shared, (size_t)n) < 0 ? WAIT_OUT : MOVED;
}

static void copy_end(struct copy *c)
{
	c->active = false;
	loop_io_remove(&c->in);
	loop_io_remove(&c->out);
	c->done(c);
}

static enum outcome bytes_move(struct copy *c, unsigned rounds)
{
	enum outcome o = MOVED;

	for (unsigned i = 0; i < rounds && o == MOVED; i++)
		o = c->buffered ? buffer_some(c) : splice_some(c);
	return o;
}

static void copy_pump(struct copy *c)
{
	enum outcome o = bytes_move(c, ROUNDS);

	if (o == ENDED || wait_for(c, o == MOVED ? WAIT_IN : o) < 0)
		copy_end(c);
}

static void copy_ready(struct loop_io *io, uint32_t events)
{
	struct copy *c = io->data;

	/* Each write wakes up those who wait to write, also one that found a terminal full: the next would follow at
	 * once. */
	if (io == &c->out && c->to_terminal && !(events & EPOLLOUT))
		return;
	copy_pump(c);
}

int copy_start(struct copy *c, struct loop *loop, int in, int out, unsigned flags, copy_fn *done, void *data,
	       struct error *err)
{
	bool file = flags & COPY_TO_FILE;
	int queued;

	*c = (struct copy){
		.done = done,
		.data = data,
		.loop = loop,
		.in = { .fd = in, .events = EPOLLIN, .fn = copy_ready, .data = c },
		.out = { .fd = out, .events = EPOLLOUT, .fn = copy_ready, .data = c },
		.lossy = flags & COPY_LOSSY,
		.from_terminal = flags & COPY_FROM_TERMINAL,
		.to_terminal = flags & COPY_TO_TERMINAL,
		/* Where splice(2) fails with EIO, it does not say which end that was. */
		.buffered = flags & (COPY_TO_FILE | COPY_FROM_TERMINAL | COPY_TO_TERMINAL),
		.active = true,
	};
	/* One that cannot say how much it holds could not be told from a full output: a vsock socket. */
	if (ioctl(in, FIONREAD, &queued) < 0)
		c->buffered = true;
	if (io_nonblock(in) < 0 || (!file && io_nonblock(out) < 0))
		error_set(err, errno, "copy");
	else if (loop_io_add(loop, &c->in, err) == 0)
		return 0;
	copy_stop(c);
	return -1;
}

void copy_expect_end(struct copy *c)
{
	c->from_terminal = false;
	/* If it is hung up now, that is reported in the next round. */
	if (c->active && loop_io_active(&c->in))
		(void)loop_io_want(&c->in, EPOLLIN, NULL);
}

void copy_catch_up(struct copy *c)
{
	if (c->active)
		(void)bytes_move(c, ROUNDS);
}

void copy_finish(struct copy *c)
{
	/* Each round moves at least a byte, and what two pipes hold is bounded. */
	if (c->active)
		(void)bytes_move(c, 1 << 12);
}

static int end_swap(struct copy *c, struct loop_io *end, int fd)
{
	int r;

	/* Out of epoll first: it watches descriptions, and the old one is about to go. */
	loop_io_remove(end);
	r = dup3(fd, end->fd, O_CLOEXEC);
	close(fd);
	if (c->active)
		copy_pump(c);
	return r < 0 ? -1 : 0;
}

int copy_swap_input(struct copy *c, int fd)
{
	return end_swap(c, &c->in, fd);
}

int copy_swap_output(struct copy *c, int fd)
{
	return end_swap(c, &c->out, fd);
}

int copy_take_output(struct copy *c)
{
	int fd = c->out.fd;

	c->out.fd = -1;
	return fd;
}

void copy_stop(struct copy *c)
{
	if (!c->loop)
		return;
	loop_io_remove(&c->in);
	loop_io_remove(&c->out);
	if (c->in.fd >= 0)
		close(c->in.fd);
	if (c->out.fd >= 0)
		close(c->out.fd);
	free(c->held);
	*c = (struct copy){ 0 };
}
