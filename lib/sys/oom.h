/* Out of memory: tells when the kernel has killed a process of a container for its memory limit.
 *
 *     version 2: memory.events changes -> the count is read -> it has grown: fn()
 *     version 1: an eventfd gives notice before the kill -> the count is read every 20 ms, for 1 s at most, until it
 *                has grown: fn(). The kernel has no notice of the kill itself.
 *
 * The watch ends by itself when the control group has gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "loop.h"

struct oom_watch;
typedef void oom_fn(struct oom_watch *w);

/* Zero-initialised is idle. */
struct oom_watch {
	void *data;     /* the caller's */
	uint64_t fresh; /* in a callback: kills since the one before */
	/* private */
	struct loop_io io;
	oom_fn *fn;
	int counter; /* the file with the count of kills, -1: none */
	struct loop_timer again;
	struct loop *loop;
	unsigned looks;
	bool active;
	uint64_t kills;
};

/* Calls back once for each time that more kills are found counted. dir: the control group, in the tree that has the
 * memory controller; unified: that is the one tree of version 2. */
int oom_watch_start(struct oom_watch *w, struct loop *loop, const char *dir, bool unified, oom_fn *fn, void *data,
		    struct error *err);
/* Looks now; for the moment before an end is reported, since the notice may come later than that. */
void oom_watch_check(struct oom_watch *w);
void oom_watch_stop(struct oom_watch *w);
/* The value behind "oom_kill " in the text. -1: not there. */
int64_t oom_kills_parse(const char *text);
