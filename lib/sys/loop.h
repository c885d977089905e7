/* The event loop of every daemon: one epoll, one blocking call.
 *
 * Sources are structs owned by the caller, embedded in its own; zero-initialise, fill, add. A source must be
 * removed before its memory goes. Removing any source, also the running one or one whose event is pending in
 * the same round, is legal in every callback: pending events of removed sources are dropped.
 * Level-triggered. Single-threaded. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "error.h"

struct loop;
struct loop_io;
struct loop_timer;
struct loop_child;

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR ... as they arrived */
typedef void loop_io_fn(struct loop_io *io, uint32_t events);
typedef void loop_timer_fn(struct loop_timer *timer);
/* status as from waitpid(2); that of exit status 255 when somebody else has reaped the child */
typedef void loop_child_fn(struct loop_child *child, int status);
typedef void loop_signal_fn(void *data, int signo);

struct loop_io {
	int fd;          /* stays the caller's: the loop never closes it */
	uint32_t events; /* wanted */
	loop_io_fn *fn;
	void *data;
	/* private */
	struct loop *loop;
};

struct loop_timer {
	loop_timer_fn *fn;
	void *data;
	/* private */
	struct loop *loop;
	uint64_t deadline;
	size_t index;
};

/* Memory that somebody else writes, who can be spared the notification while the loop looks there by itself: where the
 * last wait was shorter than twice the limit. After the second look in vain in a row one wait passes without, after
 * further ones 3, 7, at most 63. */
struct loop_poll {
	uint32_t limit_us;           /* looks at most as long as this before it blocks */
	bool (*pending)(void *data); /* whether there is something; called very often */
	bool (*arm)(void *data);     /* the loop is about to block: asks for a notification. True: there is something */
	void (*fn)(void *data);      /* there is something */
	void *data;
	/* private */
	bool looking;
	uint32_t skip, misses;
};

struct loop_child {
	loop_child_fn *fn; /* called once; the child is reaped and the source removed by then */
	void *data;
	/* private */
	pid_t pid;
	struct loop_io io;
};

/* NULL on failure. */
struct loop *loop_new(struct error *err);
/* The sources left are forgotten, not closed. NULL is fine. */
void loop_free(struct loop *loop);

int loop_io_add(struct loop *loop, struct loop_io *io, struct error *err);
/* Changes the wanted events (0 is legal: only HUP and ERR remain). Cheap when nothing changes. */
int loop_io_want(struct loop_io *io, uint32_t events, struct error *err);
/* Legal on one that was never added. The caller then closes the descriptor. */
void loop_io_remove(struct loop_io *io);
static inline bool loop_io_active(const struct loop_io *io)
{
	return io->loop != NULL;
}

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t loop_now(void);
/* One-shot; arming an armed timer moves it. Fails only without memory. */
int loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t deadline_us, struct error *err);
int loop_timer_after(struct loop *loop, struct loop_timer *timer, uint64_t delay_us, struct error *err);
void loop_timer_disarm(struct loop_timer *timer);
static inline bool loop_timer_armed(const struct loop_timer *timer)
{
	return timer->loop != NULL;
}

/* Watches a child of this process by pidfd and reaps it. A subreaper watches its processes with reaper.h instead. */
int loop_child_add(struct loop *loop, struct loop_child *child, pid_t pid, struct error *err);
void loop_child_remove(struct loop_child *child);

/* Busy polling, for a loop whose answers are waited for and which the next event tends to find asleep: waking a
 * processor can take longer than what it has to do then. Once the loop has slept for less than limit_us, it no longer
 * blocks at once but looks at the memory and at all other sources again and again, leaving the processor to others in
 * between; limit_us without anything make it block again. At most one; it must outlive the loop's last round. */
void loop_poll_set(struct loop *loop, struct loop_poll *poll);

/* All signals that end a process by default and can be blocked. A daemon takes them all, ignores those that it has no
 * use for, and so ends by none that somebody sends to see what it does. A fault of its own ends it all the same. */
void loop_signals_fill(sigset_t *set);
/* Blocks the signals in this thread and delivers them by signalfd. Once a loop.
 * spawn() gives children an empty mask. SIGPIPE is a matter of the program: signal(SIGPIPE, SIG_IGN). */
int loop_signals(struct loop *loop, const sigset_t *set, loop_signal_fn *fn, void *data, struct error *err);

/* One round: waits (no longer than the next deadline, nor timeout_us where that is not -1), then calls back. A callback
 * that calls loop_quit() ends this round, and not the next one: events that it has left come then. */
int loop_once(struct loop *loop, int64_t timeout_us, struct error *err);
/* Rounds until a callback calls loop_quit(); returns the status given there, or -1. */
int loop_run(struct loop *loop, struct error *err);
void loop_quit(struct loop *loop, int status);
