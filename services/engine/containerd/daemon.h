/* containerd as a process: started, watched, started again when it dies; told apart from one that is there already.
 *
 *            +------------- its time is over, or it is silent: killed ------------+
 *            v                                                                    |
 *   DOWN -- back-off --> STARTING -- it says that it serves, or its socket answers --> UP
 *     ^                   |    ^                                                  |
 *     +------ ended ------+    +---- the connection to it broke: daemon_lost() ---+
 *
 *   ASLEEP: as DOWN, until daemon_wake(). Only where `lazy` says so: until the first one of a boot, and after
 * daemon_sleep(), which stops it as daemon_stop() does.
 *
 *   any -- daemon_stop(): TERM, later KILL --> STOPPING -- ended --> DOWN: gone()
 *
 * It says that it serves by systemd's notification protocol (a datagram "READY=1" to the socket that NOTIFY_SOCKET
 * names, sd_notify(3)), so that nobody has to look for its socket again and again. One that does not know that protocol
 * is looked at every quarter of a second after two.
 * Its output goes where runtime-config.toml says, by default into /var/log/containerd.log, bounded (capture.h). */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "loop.h"

struct daemon;
struct reaper;

/* The strings stay the caller's. */
struct daemon_setup {
	struct loop *loop;
	struct reaper *reaper;
	const char *program;  /* NULL: somebody else's, which is only looked for, again and again */
	const char *socket;   /* one that listens there already is taken over */
	bool lazy;            /* it is started when daemon_wake() says so, and told to listen at the socket */
	const char *settings; /* runtime-config.toml */
	const char *logs;     /* the directory of the log files */
	const char *run_dir;  /* for the fifos that it writes to */

	void (*starting)(void *data); /* none runs, and one is about to be started */
	void (*up)(void *data);       /* it serves; always from the loop */
	void (*gone)(void *data);     /* it ended, after daemon_stop() */
	void (*slept)(void *data);    /* the same after daemon_sleep() */
	void *data;
};

/* That somebody else's does not listen at all now is an error. */
struct daemon *daemon_new(const struct daemon_setup *is, struct error *err);
void daemon_free(struct daemon *d);

/* Whether it waits for daemon_wake(): none runs, and none that ran was killed. */
bool daemon_sleeps(const struct daemon *d);
/* And whether none has run in this boot. */
bool daemon_is_new(const struct daemon *d);
/* Starts it. Legal on one that does not sleep. */
void daemon_wake(struct daemon *d);

/* The connection to it broke: up() follows when it serves again. */
void daemon_lost(struct daemon *d);
/* It had a call for as long as daemon_patience() (microseconds) without an answer: it is killed and started anew;
 * somebody else's is connected to again. */
void daemon_silent(struct daemon *d);
uint64_t daemon_patience(const struct daemon *d);
/* TERM, later KILL; gone() follows. */
void daemon_stop(struct daemon *d);
/* Stops it until daemon_wake(): slept(). Where `lazy` says so. */
void daemon_sleep(struct daemon *d);
