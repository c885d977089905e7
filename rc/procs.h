/* Processes of a whole machine, as they are ended when it goes down. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "process.h"

/* Sends the signal to every process but PID 1 and this one, then waits until they are gone, limit_us at most.
 * Returns how many are left; `describe` is called for each of these. */
unsigned procs_end(int signo, uint64_t limit_us, void (*describe)(const struct process_stat *p));

/* Waits for one process that need not be a child. -1: it still lives after limit_us. */
int proc_wait(pid_t pid, uint64_t limit_us);
