/* A container's process that is not our child, since the supervisor before this one started it: its end, and its exit
 * status, which the process that reaps it notes for us (orphan.h).
 *
 *   adopted_watch -- its pidfd --> adopted_await -- the note, or its time is up --> ended() */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"

/* Zero-initialised but for these two and the descriptors, which are -1. */
struct adopted {
	void (*ended)(void *data, int code); /* exit status or 128 + signal; -1: nobody noted it */
	void *data;
	/* private */
	struct loop *loop;
	pid_t pid;
	struct loop_io process; /* its pidfd, */
	struct loop_io note;    /* then an inotify descriptor for the note of its end */
	struct loop_timer patience;
};

/* Watches the process. False: it has ended since, or its number is another's by now. */
bool adopted_watch(struct adopted *a, struct loop *loop, pid_t pid, uint64_t ticks);
/* It has ended, but may not have been reaped yet: ended() follows when it has, perhaps at once. */
void adopted_await(struct adopted *a, struct loop *loop, pid_t pid);
/* Legal at any time. */
void adopted_forget(struct adopted *a);

static inline bool adopted_runs(const struct adopted *a)
{
	return a->process.fd >= 0;
}
static inline bool adopted_has_ended(const struct adopted *a)
{
	return a->note.fd >= 0;
}
