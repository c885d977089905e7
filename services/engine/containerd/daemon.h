/* containerd as a process: started, watched, started again when it dies; told apart from one that is there already.
 *
 * It says that it serves by systemd's notification protocol (a datagram "READY=1" to the socket that NOTIFY_SOCKET
 * names, sd_notify(3)), so that nobody has to look for its socket again and again. One that does not know that protocol
 * is looked at every quarter of a second after two.
 * Its output goes where runtime-config.toml says, by default into /var/log/containerd.log, bounded (capture.h). */
#pragma once

#include "error.h"
#include "loop.h"

struct daemon;

struct daemon_callbacks {
	void (*starting)(void *data); /* none runs, and one is about to be started */
	void (*up)(void *data);       /* it serves */
	void (*gone)(void *data);     /* it ended, after daemon_stop() */
	void *data;
};

/* The strings stay the caller's. One that listens on the socket already is taken over. program NULL: somebody else's,
 * which is only looked for, again and again; that it does not listen at all now is an error. logs: the directory of the
 * log files. */
struct daemon *daemon_new(struct loop *loop, const char *program, const char *socket, const char *settings,
			  const char *logs, const struct daemon_callbacks *callbacks, struct error *err);
void daemon_free(struct daemon *d);

/* The connection to it broke: up() follows when it serves again. */
void daemon_lost(struct daemon *d);
/* It had a call for as long as daemon_patience() (microseconds) without an answer: it is killed and started anew;
 * somebody else's is connected to again. */
void daemon_silent(struct daemon *d);
uint64_t daemon_patience(const struct daemon *d);
/* TERM, later KILL; gone() follows. */
void daemon_stop(struct daemon *d);
