#include "pump.h"

#include <errno.h>
#include <unistd.h>

static void pump_end(struct pump *p, bool target, int code)
{
	pump_stop(p);
	p->ended(p->data, target, code);
}

/* Writes what is held. 1: all gone, 0: the target takes no more now, -1: it failed and the pump has ended. */
static int pump_drain(struct pump *p)
{
	while (p->len > 0) {
		ssize_t n = write(p->to, p->bytes + p->start, p->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			pump_end(p, true, errno);
			return -1;
		}
		p->start += (size_t)n;
		p->len -= (size_t)n;
	}
	return 1;
}

/* 1: something was read, 0: nothing there now, -1: the pump has ended. */
static int pump_fill(struct pump *p)
{
	ssize_t n;

	do
		n = read(p->from, p->bytes, sizeof(p->bytes));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		/* A terminal whose other side is gone reads EIO: that is its end of file. */
		pump_end(p, false, n < 0 && errno != EIO ? errno : 0);
		return -1;
	}
	p->start = 0;
	p->len = p->filter ? p->filter(p->data, p->bytes, (size_t)n) : (size_t)n;
	return 1;
}

static int watch_source(struct pump *p, bool on, struct error *err)
{
	if (on == loop_io_active(&p->in))
		return 0;
	if (on)
		return loop_io_add(p->loop, &p->in, err);
	loop_io_remove(&p->in);
	return 0;
}

/* Waits for the end whose turn it is. One that cannot be polled is always ready: its turn comes by timer. The source is
 * not watched while the target is full, since a hang-up would be reported again and again; the target always is. */
static void pump_want(struct pump *p)
{
	bool write_next = p->len > 0;
	struct error err = { 0 };
	int failed = 0;

	if (p->in_polled)
		failed |= watch_source(p, !write_next, &err);
	if (p->out_polled)
		failed |= loop_io_want(&p->out, write_next ? EPOLLOUT : 0, &err);
	if (write_next ? !p->out_polled : !p->in_polled)
		failed |= loop_timer_after(p->loop, &p->soon, 0, &err);
	if (failed)
		pump_end(p, false, err.code);
	error_clear(&err);
}

static void pump_step(struct pump *p)
{
	if (p->len == 0 && pump_fill(p) < 0)
		return;
	if (pump_drain(p) < 0)
		return;
	pump_want(p);
}

static void pump_ready(struct loop_io *io, uint32_t events)
{
	struct pump *p = io->data;

	/* A reader that went away shows as an error on the writing side, whatever was asked for. */
	if (io == &p->out && (events & (EPOLLERR | EPOLLHUP)) && p->len == 0) {
		pump_end(p, true, EPIPE);
		return;
	}
	pump_step(p);
}

static void pump_soon(struct loop_timer *timer)
{
	pump_step(timer->data);
}

/* Files and /dev/null cannot be polled (EPERM). */
static int pump_watch(struct pump *p, struct loop_io *io, int fd, bool *polled, struct error *err)
{
	struct error why = { 0 };

	*io = (struct loop_io){ .fd = fd, .events = io == &p->in ? EPOLLIN : 0, .fn = pump_ready, .data = p };
	*polled = loop_io_add(p->loop, io, &why) == 0;
	if (*polled || why.code == EPERM) {
		error_clear(&why);
		return 0;
	}
	return error_move(err, &why);
}

int pump_start(struct pump *p, struct loop *loop, struct error *err)
{
	p->loop = loop;
	p->len = 0;
	p->soon = (struct loop_timer){ .fn = pump_soon, .data = p };
	if (pump_watch(p, &p->in, p->from, &p->in_polled, err) < 0 ||
	    pump_watch(p, &p->out, p->to, &p->out_polled, err) < 0) {
		pump_stop(p);
		return -1;
	}
	pump_want(p);
	return 0;
}

void pump_stop(struct pump *p)
{
	if (!p->loop)
		return;
	loop_io_remove(&p->in);
	loop_io_remove(&p->out);
	loop_timer_disarm(&p->soon);
	p->loop = NULL;
}
