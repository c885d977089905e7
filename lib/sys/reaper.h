/* Ends of processes, for a subreaper: besides its own children it gets containers' processes, whose runtime
 * left them behind, and orphans. Everything is reaped in one place, since only one wait can get a status.
 *
 * A process may end before its number is known here (the runtime writes it to a file that is read when the runtime
 * itself has ended). While somebody holds the reaper, strangers' statuses are therefore kept.
 *
 *   our child       -- SIGCHLD --> its status, from reaper_run()
 *   ended before    -- next round of the loop --> the status that was kept
 *   another's child -- its parent ends, SIGCHLD --> our child
 *                   -- its parent reaps it --> 255: the pidfd tells, on kernels that do not tell that the end of the
 *                      parent (SIGCHLD) does */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "list.h"
#include "loop.h"

struct reaper {
	/* private */
	struct loop *loop;
	struct list watches;
	struct stranger *strangers;
	size_t stranger_count, stranger_cap;
	unsigned holds;
};

struct exit_watch;
/* status as from waitpid(2). The watch is removed by then. */
typedef void exit_fn(struct exit_watch *watch, int status);

/* Owned by the caller; zero-initialise, set fn and data. */
struct exit_watch {
	exit_fn *fn;
	void *data;
	/* private */
	struct reaper *reaper;
	struct list place;
	pid_t pid;
	int status;
	struct loop_timer late; /* for one that had ended before it was watched */
	struct loop_io gone;    /* its pidfd, while it is another's child */
	bool foreign;           /* it is */
};

void reaper_init(struct reaper *r, struct loop *loop);
void reaper_free(struct reaper *r);
/* On SIGCHLD. */
void reaper_run(struct reaper *r);

void reaper_hold(struct reaper *r);
void reaper_release(struct reaper *r);

/* The function is called from the loop, never from here. It may also be the child of a process of ours that is about to
 * end. ESRCH: it is neither. */
int exit_watch_add(struct reaper *r, struct exit_watch *watch, pid_t pid, struct error *err);
/* Legal on one that was never added. */
void exit_watch_remove(struct exit_watch *watch);
static inline bool exit_watch_active(const struct exit_watch *watch)
{
	return watch->reaper != NULL;
}
