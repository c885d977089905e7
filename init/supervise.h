/* The programs that PID 1 keeps alive: a fixed table. A program that ends is started again after a back-off,
 * which doubles from 0.1 s to 30 s and starts over once the program has lived for 10 s. It gets the console as
 * standard streams, a session and a process group of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "control.h"

/* Starts argv with the console as streams; the descriptors are given to it as 3, 4..., `env` (may be NULL) is added to
 * its environment. tty: the console becomes its controlling terminal. Pid, or -1 with errno: there was no process. */
pid_t program_start(const char *const argv[], const int *fds, size_t fd_count, const char *const env[], bool tty);

/* Carries out a request; `reply` gets what the requester is told, at most size bytes; returns its length. The
 * descriptors of the request, INITCTL_FDS at most, are this part's from then on. */
size_t supervise_request(const struct control_request *request, const int *fds, size_t fd_count, char *reply,
			 size_t size);

/* A child has been reaped, one of ours or an orphan. */
void supervise_ended(pid_t pid, int status);

/* Starts what is due. Milliseconds until the next is due, -1: none is waiting. */
int supervise_due(void);

/* From here on nothing is started again. */
void supervise_freeze(void);

/* The table's bytes, for a PID 1 that takes over from itself (resume.h); then, its descriptors are kept anew. */
void *supervise_state(size_t *size);
void supervise_resumed(void);
