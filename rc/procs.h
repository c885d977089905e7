/* Processes of a whole machine, as they are ended when it goes down. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* What matters here of /proc/PID/stat. `name` points into the text, which is changed. */
struct proc_stat {
	pid_t pid;
	char *name;
	char state;
	uint32_t flags; /* the kernel's PF_* */
};

/* 0, or -1 with errno EINVAL. */
int proc_stat_parse(char *text, struct proc_stat *out);

/* Sends the signal to every process but PID 1 and this one, then waits until they are gone, limit_us at most.
 * Returns how many are left; `describe` is called for each of these. */
unsigned procs_end(int signo, uint64_t limit_us, void (*describe)(const struct proc_stat *p));

/* Waits for one process that need not be a child. -1: it still lives after limit_us. */
int proc_wait(pid_t pid, uint64_t limit_us);
