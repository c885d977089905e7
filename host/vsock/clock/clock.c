#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "buf.h"
#include "log.h"

enum { PATIENCE_US = 5000000 };

/* A moment that does not come: only the clock's being set ends the wait for it. */
#define NEVER ((time_t)1 << 40)

struct guest_clock {
	struct loop *loop;
	clock_reach_fn *reach;
	void *data;
	struct loop_io set;      /* the timer that ends when the clock is set */
	struct loop_io io;       /* the agent; fd -1: IDLE */
	struct loop_timer timer; /* IDLE: the next question; else the end of patience */
	struct buf in;
	uint64_t asked;    /* when */
	bool moved, again; /* again: the clock was set meanwhile */
};

static uint64_t host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int64_t clock_difference(uint64_t guest, uint64_t before, uint64_t after)
{
	int64_t middle = (int64_t)(before / 2 + after / 2), open = (int64_t)(after - before) / 2;
	int64_t off = middle - (int64_t)guest;

	if (after < before || guest > INT64_MAX || (off < 0 ? -off : off) <= CLOCK_OFF_NS + open)
		return 0;
	return off;
}

static void clock_ask(struct guest_clock *c);

static void clock_idle(struct guest_clock *c)
{
	loop_io_remove(&c->io);
	if (c->io.fd >= 0)
		close(c->io.fd);
	c->io.fd = -1;
	buf_free(&c->in);
	loop_timer_after(c->loop, &c->timer, c->again ? 0 : CLOCK_PERIOD_US, NULL);
	c->again = false;
}

static int clock_send(struct guest_clock *c, int64_t ns)
{
	_cleanup_buf_ struct buf frame = { 0 };

	/* A socket with nothing in it has room for it. */
	if (agent_frame_ns(&frame, AGENT_CLOCK, (uint64_t)ns) < 0 ||
	    send(c->io.fd, buf_bytes(&frame), frame.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)frame.len)
		return -1;
	c->asked = host_now();
	return 0;
}

static void answer_take(struct guest_clock *c, const struct agent_frame *f)
{
	int64_t off = f->type == AGENT_TIME && !c->moved ? clock_difference(f->ns, c->asked, host_now()) : 0;

	buf_clear(&c->in);
	c->moved = off != 0;
	if (off == 0 || clock_send(c, off) < 0)
		clock_idle(c);
	else
		log_debug("vsock: the guest's clock is moved by %lld ms", (long long)(off / 1000000));
}

static void answer_ready(struct loop_io *io, uint32_t events)
{
	struct guest_clock *c = io->data;
	uint8_t *room = buf_reserve(&c->in, 256);
	ssize_t n = room ? recv(io->fd, room, 256, MSG_DONTWAIT) : 0;
	struct agent_frame f;
	size_t used;
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_commit(&c->in, (size_t)n);
	r = n > 0 ? agent_frame_parse(buf_bytes(&c->in), c->in.len, &f, &used, NULL) : -1;
	if (r > 0)
		answer_take(c, &f);
	else if (r < 0 || c->in.len > 4096)
		clock_idle(c); /* gone, or an agent of before that knows no clock */
}

static void clock_due(struct loop_timer *timer)
{
	struct guest_clock *c = timer->data;

	if (c->io.fd >= 0)
		clock_idle(c);
	else
		clock_ask(c);
}

static void clock_ask(struct guest_clock *c)
{
	int pair[2];

	c->moved = false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		clock_idle(c);
		return;
	}
	c->io = (struct loop_io){ .fd = pair[0], .events = EPOLLIN, .fn = answer_ready, .data = c };
	if (clock_send(c, 0) < 0) {
		close(pair[1]);
		clock_idle(c);
		return;
	}
	if (c->reach(c->data, pair[1]) < 0 || loop_io_add(c->loop, &c->io, NULL) < 0)
		clock_idle(c);
	else
		loop_timer_after(c->loop, &c->timer, PATIENCE_US, NULL);
}

static int timer_set(int fd)
{
	const struct itimerspec never = { .it_value = { .tv_sec = NEVER } };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void host_clock_was_set(struct loop_io *io, uint32_t events)
{
	struct guest_clock *c = io->data;
	uint64_t count;

	(void)events;
	if (read(io->fd, &count, sizeof(count)) < 0 && errno == EAGAIN)
		return;
	timer_set(io->fd);
	clock_doubt(c);
}

void clock_doubt(struct guest_clock *c)
{
	/* What was asked before says nothing. */
	c->again = c->io.fd >= 0;
	if (!c->again)
		clock_ask(c);
}

struct guest_clock *clock_open(struct loop *loop, clock_reach_fn *reach, void *data, struct error *err)
{
	struct guest_clock *c = calloc(1, sizeof(*c));

	if (!c) {
		error_set(err, ENOMEM, "clock");
		return NULL;
	}
	*c = (struct guest_clock){ .loop = loop, .reach = reach, .data = data, .io.fd = -1 };
	c->timer = (struct loop_timer){ .fn = clock_due, .data = c };
	c->set = (struct loop_io){ .events = EPOLLIN, .fn = host_clock_was_set, .data = c };
	c->set.fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->set.fd < 0 || timer_set(c->set.fd) < 0)
		error_set(err, errno, "a timer");
	else if (loop_io_add(loop, &c->set, err) == 0 && loop_timer_after(loop, &c->timer, CLOCK_PERIOD_US, err) == 0)
		return c;
	clock_close(c);
	return NULL;
}

void clock_close(struct guest_clock *c)
{
	if (!c)
		return;
	loop_timer_disarm(&c->timer);
	loop_io_remove(&c->io);
	loop_io_remove(&c->set);
	cleanup_close(&c->io.fd);
	cleanup_close(&c->set.fd);
	buf_free(&c->in);
	free(c);
}
