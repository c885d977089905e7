#include "relay.h"

#include <errno.h>
#include <unistd.h>

static void relay_end(struct relay *r, bool target, int code)
{
	relay_stop(r);
	r->ended(r->data, target, code);
}

/* Writes what is held. 1: all gone, 0: the target takes no more now, -1: it failed and the relay has ended. */
static int relay_drain(struct relay *r)
{
	while (r->len > 0) {
		ssize_t n = write(r->to, r->bytes + r->start, r->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			relay_end(r, true, errno);
			return -1;
		}
		r->start += (size_t)n;
		r->len -= (size_t)n;
	}
	return 1;
}

/* 1: something was read, 0: nothing there now, -1: the relay has ended. */
static int relay_fill(struct relay *r)
{
	ssize_t n;

	do
		n = read(r->from, r->bytes, sizeof(r->bytes));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		/* A terminal whose other side is gone reads EIO: that is its end of file. */
		relay_end(r, false, n < 0 && errno != EIO ? errno : 0);
		return -1;
	}
	r->start = 0;
	r->len = r->filter ? r->filter(r->data, r->bytes, (size_t)n) : (size_t)n;
	return 1;
}

static int watch_source(struct relay *r, bool on, struct error *err)
{
	if (on == loop_io_active(&r->in))
		return 0;
	if (on)
		return loop_io_add(r->loop, &r->in, err);
	loop_io_remove(&r->in);
	return 0;
}

/* Waits for the end whose turn it is. One that cannot be polled is always ready: its turn comes by timer. The source is
 * not watched while the target is full, since a hang-up would be reported again and again; the target always is. */
static void relay_want(struct relay *r)
{
	bool write_next = r->len > 0;
	struct error err = { 0 };
	int failed = 0;

	if (r->in_polled)
		failed |= watch_source(r, !write_next, &err);
	if (r->out_polled)
		failed |= loop_io_want(&r->out, write_next ? EPOLLOUT : 0, &err);
	if (write_next ? !r->out_polled : !r->in_polled)
		failed |= loop_timer_after(r->loop, &r->soon, 0, &err);
	if (failed)
		relay_end(r, false, err.code);
	error_clear(&err);
}

static void relay_step(struct relay *r)
{
	if (r->len == 0 && relay_fill(r) < 0)
		return;
	if (relay_drain(r) < 0)
		return;
	relay_want(r);
}

static void relay_ready(struct loop_io *io, uint32_t events)
{
	struct relay *r = io->data;

	/* A reader that went away shows as an error on the writing side, whatever was asked for. */
	if (io == &r->out && (events & (EPOLLERR | EPOLLHUP)) && r->len == 0) {
		relay_end(r, true, EPIPE);
		return;
	}
	relay_step(r);
}

static void relay_soon(struct loop_timer *timer)
{
	relay_step(timer->data);
}

/* Files and /dev/null cannot be polled (EPERM). */
static int relay_watch(struct relay *r, struct loop_io *io, int fd, bool *polled, struct error *err)
{
	struct error why = { 0 };

	*io = (struct loop_io){ .fd = fd, .events = io == &r->in ? EPOLLIN : 0, .fn = relay_ready, .data = r };
	*polled = loop_io_add(r->loop, io, &why) == 0;
	if (*polled || why.code == EPERM) {
		error_clear(&why);
		return 0;
	}
	return error_move(err, &why);
}

int relay_start(struct relay *r, struct loop *loop, struct error *err)
{
	r->loop = loop;
	r->len = 0;
	r->soon = (struct loop_timer){ .fn = relay_soon, .data = r };
	if (relay_watch(r, &r->in, r->from, &r->in_polled, err) < 0 ||
	    relay_watch(r, &r->out, r->to, &r->out_polled, err) < 0) {
		relay_stop(r);
		return -1;
	}
	relay_want(r);
	return 0;
}

void relay_stop(struct relay *r)
{
	if (!r->loop)
		return;
	loop_io_remove(&r->in);
	loop_io_remove(&r->out);
	loop_timer_disarm(&r->soon);
	r->loop = NULL;
}
