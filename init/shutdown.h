/* The end: rc.shutdown does the work, PID 1 makes the kernel call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum shutdown_action { SHUTDOWN_NONE, SHUTDOWN_HALT, SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT };

/* What a signal asks for, as with busybox's init: USR1 halt, USR2 poweroff, TERM and INT reboot. */
enum shutdown_action shutdown_action_of(int signo);

/* The first request starts rc.shutdown; a further one while it runs is only said to be ignored. */
void shutdown_begin(enum shutdown_action action);
bool shutdown_begun(void);
/* From here on PID 1 does it alone: rc.shutdown is of a root that may not run. */
void shutdown_alone(void);

/* A reaped child. Does not return when it was rc.shutdown. */
void shutdown_ended(pid_t pid, int status);

/* Goes on without rc.shutdown when its time is up. Milliseconds until then, -1: no shutdown under way. */
int shutdown_due(void);

/* As supervise_state(). */
void *shutdown_state(size_t *size);
