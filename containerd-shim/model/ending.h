/* How a process ends: from the kernel's word to the exit event and the answers to Wait.
 *
 *     ending_watch() ... the kernel says that it ended: status and time are kept
 *         an added process:
 *             its start is public
 *             -> its output is read by who reads it, or was not for a second
 *             -> public
 *         the first process:
 *             a record of the end goes into the bundle
 *             -> sweep: without a PID namespace of its own, the runtime is asked to kill the container's other
 * processes
 *             -> the added processes end, and are public
 *             -> its output, likewise
 *             -> public
 *         patience: 2 s after the first process's end nothing of this is waited for any more
 *
 * The state is decided in one place, ending_settle(): whoever changes one of the conditions (the end, a start that
 * became public or failed, the sweep, patience) calls it. It goes from the added process to the first one by itself. */
#pragma once

#include <stdbool.h>

#include "job.h"

struct process;

/* Of a container. Zero-initialised: its first process has not ended. */
struct ending {
	/* private */
	struct job sweep;
	struct loop_timer patience; /* with what does not end when the first process has */
	bool swept;                 /* the others have been told to end */
	bool impatient;
};

/* From now on the end of the process is noticed. */
int ending_watch(struct process *p, pid_t pid, struct error *err);
/* Makes its end public if it is time for it. Its container may be settled by it, but nothing is freed. */
void ending_settle(struct process *p);
/* Forgets what is under way. */
void ending_stop(struct ending *e);
