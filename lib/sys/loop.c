#include "loop.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "process.h"

enum {
	ROUND = 64,
	SHARED_US = 80, /* a longer sched_yield() has let in somebody who works */
	SKIPS = 6       /* at most 2^6 - 1 waits in a row pass without a look */
};

struct loop {
	int epoll;
	bool quit;
	int status;
	/* binary heap by deadline; a timer's index is its place */
	struct loop_timer **timers;
	size_t timer_count, timer_cap;
	struct loop_poll *poll;
	struct loop_io signals;
	loop_signal_fn *signal_fn;
	void *signal_data;
	/* the round in progress: removed sources are struck out here */
	struct epoll_event ready[ROUND];
	int ready_count;
};

struct loop *loop_new(struct error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop) {
		error_set(err, ENOMEM, "event loop");
		return NULL;
	}
	loop->signals.fd = -1;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		error_set(err, errno, "epoll_create1");
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signals.fd >= 0)
		close(loop->signals.fd);
	close(loop->epoll);
	free(loop->timers);
	free(loop);
}

int loop_io_add(struct loop *loop, struct loop_io *io, struct error *err)
{
	struct epoll_event e = { .events = io->events, .data.ptr = io };

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, io->fd, &e) < 0)
		return error_set(err, errno, "epoll_ctl add");
	io->loop = loop;
	return 0;
}

int loop_io_want(struct loop_io *io, uint32_t events, struct error *err)
{
	struct epoll_event e = { .events = events, .data.ptr = io };

	if (io->events == events)
		return 0;
	if (epoll_ctl(io->loop->epoll, EPOLL_CTL_MOD, io->fd, &e) < 0)
		return error_set(err, errno, "epoll_ctl mod");
	io->events = events;
	return 0;
}

void loop_io_remove(struct loop_io *io)
{
	struct loop *loop = io->loop;
	int i;

	if (!loop)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, io->fd, NULL); /* fails only when closed before: gone then too */
	for (i = 0; i < loop->ready_count; i++)
		if (loop->ready[i].data.ptr == io)
			loop->ready[i].data.ptr = NULL;
	io->loop = NULL;
}

/* --- timers: a binary heap ------------------------------------------------------------------ */

uint64_t loop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void heap_put(struct loop *loop, size_t i, struct loop_timer *t)
{
	loop->timers[i] = t;
	t->index = i;
}

static void heap_up(struct loop *loop, size_t i, struct loop_timer *t)
{
	while (i > 0 && loop->timers[(i - 1) / 2]->deadline > t->deadline) {
		heap_put(loop, i, loop->timers[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(loop, i, t);
}

static void heap_down(struct loop *loop, size_t i, struct loop_timer *t)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= loop->timer_count)
			break;
		if (child + 1 < loop->timer_count && loop->timers[child + 1]->deadline < loop->timers[child]->deadline)
			child++;
		if (loop->timers[child]->deadline >= t->deadline)
			break;
		heap_put(loop, i, loop->timers[child]);
		i = child;
	}
	heap_put(loop, i, t);
}

int loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t deadline_us, struct error *err)
{
	loop_timer_disarm(timer);
	if (loop->timer_count == loop->timer_cap) {
		size_t cap = loop->timer_cap ? loop->timer_cap * 2 : 8;
		struct loop_timer **grown = reallocarray(loop->timers, cap, sizeof(struct loop_timer *));

		if (!grown)
			return error_set(err, ENOMEM, "timer");
		loop->timers = grown;
		loop->timer_cap = cap;
	}
	timer->deadline = deadline_us;
	timer->loop = loop;
	heap_up(loop, loop->timer_count++, timer);
	return 0;
}

int loop_timer_after(struct loop *loop, struct loop_timer *timer, uint64_t delay_us, struct error *err)
{
	return loop_timer_arm(loop, timer, loop_now() + delay_us, err);
}

void loop_timer_disarm(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	struct loop_timer *last;
	size_t i = timer->index;

	if (!loop)
		return;
	timer->loop = NULL;
	last = loop->timers[--loop->timer_count];
	if (last == timer)
		return;
	if (i > 0 && loop->timers[(i - 1) / 2]->deadline > last->deadline)
		heap_up(loop, i, last);
	else
		heap_down(loop, i, last);
}

static void timers_run(struct loop *loop)
{
	uint64_t now;

	if (loop->timer_count == 0)
		return;
	now = loop_now();
	while (loop->timer_count > 0 && loop->timers[0]->deadline <= now && !loop->quit) {
		struct loop_timer *t = loop->timers[0];

		loop_timer_disarm(t);
		t->fn(t);
	}
}

/* --- children and signals ---------------------------------------------------------------------- */

static void child_ready(struct loop_io *io, uint32_t events)
{
	struct loop_child *child = io->data;
	int status = 0;
	pid_t r;

	(void)events;
	do
		r = waitpid(child->pid, &status, WNOHANG);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return;
	if (r < 0)
		status = 255 << 8; /* somebody else has reaped it: that is no success */
	loop_child_remove(child);
	child->fn(child, status);
}

int loop_child_add(struct loop *loop, struct loop_child *child, pid_t pid, struct error *err)
{
	int fd = process_open(pid, err);

	if (fd < 0)
		return -1;
	child->pid = pid;
	child->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = child_ready, .data = child };
	if (loop_io_add(loop, &child->io, err) == 0)
		return 0;
	cleanup_close(&child->io.fd);
	child->io.fd = -1;
	return -1;
}

void loop_child_remove(struct loop_child *child)
{
	if (!loop_io_active(&child->io))
		return;
	loop_io_remove(&child->io);
	cleanup_close(&child->io.fd);
	child->io.fd = -1;
}

static void signals_ready(struct loop_io *io, uint32_t events)
{
	struct loop *loop = io->data;
	struct signalfd_siginfo info;

	(void)events;
	while (!loop->quit && read(io->fd, &info, sizeof(info)) == sizeof(info))
		loop->signal_fn(loop->signal_data, (int)info.ssi_signo);
}

void loop_signals_fill(sigset_t *set)
{
	/* Not sigfillset(): C libraries keep some numbers to themselves, which end a process like any other. */
	memset(set, 0xff, sizeof(*set));
	sigdelset(set, SIGTSTP);
	sigdelset(set, SIGTTIN);
	sigdelset(set, SIGTTOU);
}

int loop_signals(struct loop *loop, const sigset_t *set, loop_signal_fn *fn, void *data, struct error *err)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return error_set(err, errno, "sigprocmask");
	loop->signals = (struct loop_io){ .events = EPOLLIN, .fn = signals_ready, .data = loop };
	loop->signals.fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signals.fd < 0)
		return error_set(err, errno, "signalfd");
	loop->signal_fn = fn;
	loop->signal_data = data;
	return loop_io_add(loop, &loop->signals, err);
}

/* --- rounds ---------------------------------------------------------------------------------------- */

static int wait_ms(const struct loop *loop, int64_t timeout_us)
{
	int64_t wait = timeout_us;

	if (loop->timer_count > 0) {
		uint64_t now = loop_now(), deadline = loop->timers[0]->deadline;
		int64_t left = deadline > now ? (int64_t)(deadline - now) : 0;

		if (wait < 0 || left < wait)
			wait = left;
	}
	if (wait < 0)
		return -1;
	wait = (wait + 999) / 1000; /* rounded up: a timer must not fire early and spin */
	return wait > 3600000 ? 3600000 : (int)wait;
}

void loop_poll_set(struct loop *loop, struct loop_poll *poll)
{
	loop->poll = poll;
}

/* True: the memory has something, or some source (*n of them). Ends early where somebody else wants this processor for
 * long, who may be the one that is waited for: when this thread sleeps, it wakes up on a processor that is idle. */
static bool poll_look(struct loop *loop, struct loop_poll *p, int *n)
{
	uint64_t now = loop_now(), until = now + p->limit_us, before;

	do {
		if (p->pending(p->data))
			return true;
		*n = epoll_wait(loop->epoll, loop->ready, ROUND, 0);
		if (*n != 0)
			return true;
		before = now;
		sched_yield();
		now = loop_now();
	} while (now < until && now - before < SHARED_US);
	return false;
}

/* Whether to look the next time, after a wait of that long. */
static void poll_judge(struct loop_poll *p, uint64_t waited)
{
	p->looking = waited < 2 * (uint64_t)p->limit_us && p->skip == 0;
	if (p->skip > 0)
		p->skip--;
}

static int wait_polling(struct loop *loop, struct loop_poll *p, int64_t timeout_us)
{
	int wait = wait_ms(loop, timeout_us), n = 0;
	uint64_t start;

	if (wait == 0)
		return epoll_wait(loop->epoll, loop->ready, ROUND, 0);
	start = loop_now();
	if (p->looking) {
		if (poll_look(loop, p, &n)) {
			p->misses = 0;
			return n;
		}
		p->skip = (1u << p->misses) - 1;
		if (p->misses < SKIPS)
			p->misses++;
		wait = wait_ms(loop, timeout_us);
	}
	n = epoll_wait(loop->epoll, loop->ready, ROUND, p->arm(p->data) ? 0 : wait);
	poll_judge(p, loop_now() - start);
	return n;
}

int loop_once(struct loop *loop, int64_t timeout_us, struct error *err)
{
	int n, i;

	loop->quit = false; /* else it would call nobody, and find the same events for ever */
	if (loop->poll)
		n = wait_polling(loop, loop->poll, timeout_us);
	else
		n = epoll_wait(loop->epoll, loop->ready, ROUND, wait_ms(loop, timeout_us));
	if (n < 0 && errno != EINTR)
		return error_set(err, errno, "epoll_wait");
	loop->ready_count = n > 0 ? n : 0;
	for (i = 0; i < loop->ready_count && !loop->quit; i++) {
		struct loop_io *io = loop->ready[i].data.ptr;

		if (io)
			io->fn(io, loop->ready[i].events);
	}
	loop->ready_count = 0;
	if (loop->poll && loop->poll->pending(loop->poll->data))
		loop->poll->fn(loop->poll->data);
	timers_run(loop);
	return 0;
}

int loop_run(struct loop *loop, struct error *err)
{
	do
		if (loop_once(loop, -1, err) < 0)
			return -1;
	while (!loop->quit);
	return loop->status;
}

void loop_quit(struct loop *loop, int status)
{
	loop->quit = true;
	loop->status = status;
}
