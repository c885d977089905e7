/* Who keeps a containerd from serving: its database is a file with a lock on it (flock(2)), and one that finds it
 * locked tries again for ever, without a word but a line in its log every ten seconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of /proc/locks (proc_locks(5)) that says who holds a whole file by flock(2). */
struct rival_lock {
	pid_t pid;
	uint64_t device, inode; /* as stat(2) has them */
};

/* Takes the line at *text, which must end at `end` or with a newline, and moves *text behind it. False: it is of
 * another kind, or not understood. */
bool rival_lock_parse(const char **text, const char *end, struct rival_lock *out);

/* A pidfd of the process that runs the same program and holds a lock on a file that `pid` has open, and its number; -1:
 * there is none. The caller closes it. */
int rival_find(pid_t pid, pid_t *rival);
