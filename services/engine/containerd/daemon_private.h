/* containerd's process as its two files see it: daemon.c has the states, daemon_process.c says which process it is. */
#pragma once

#include <sys/types.h>

#include "capture.h"
#include "daemon.h"
#include "daemon_settings.h"
#include "reaper.h"

#define DAEMON_RECORD "/run/pith/containerd.pid"

struct daemon {
	struct daemon_setup is;
	struct loop *loop;
	struct daemon_settings settings;
	struct capture capture;  /* of the streams that the settings say nothing of */
	int record;              /* which process it is (recorded.h) */
	bool fresh;              /* there was no record: none has run in this boot */
	pid_t pid;               /* 0: none */
	struct exit_watch child; /* it, where we started it */
	struct loop_io adopted;  /* else its pidfd */
	struct loop_io notify;
	struct loop_timer timer; /* next start, next look, or KILL */
	enum { DAEMON_ASLEEP, DAEMON_DOWN, DAEMON_STARTING, DAEMON_UP, DAEMON_STOPPING } state;
	uint64_t started, delay;
	bool sleeping;    /* it is stopped for a while */
	unsigned doubled; /* so often it took longer, one after the other */
	uint64_t give_up; /* when the present one is killed unless it serves */
};

/* Somebody listens at the socket: *pid, where it is not NULL, is who, unless the kernel does not know. */
bool daemon_socket_answers(const struct daemon *d, pid_t *pid);
/* The record names a process, whether it runs or not: one that was killed with the supervisor before this one, whoever
 * needed it, is started again. */
bool daemon_is_recorded(const struct daemon *d);

/* Takes over one that runs already, however far it has come. The pidfd becomes the daemon's, also on failure. */
int daemon_process_take(struct daemon *d, int pidfd, pid_t pid, uint64_t age);
/* The same with one that serves on the socket and that nobody has recorded: it is the one. */
bool daemon_process_take_serving(struct daemon *d, pid_t pid);
void daemon_process_kill(const struct daemon *d, int signo);
/* Lets go of it. A child of ours is reaped with the orphans then (supervisor.c). */
void daemon_process_forget(struct daemon *d);
/* Ends one that keeps the database of ours and that nobody can reach: ours waits for it. */
void daemon_rival_end(const struct daemon *d);
