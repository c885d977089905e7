/* The programs that are one: /usr/bin/memlogd and the links to it. */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "store.h"

struct memlogd_options {
	const char *socket_log, *socket_query;
	const char *pid_file;                     /* NULL: none */
	uint64_t fd_log, fd_query;                /* NO_FD: the sockets are bound */
	uint64_t lines, line_len, bytes, sources; /* the store's limits */
	bool daemonize, detach, quiet;
};

#define NO_FD UINT64_MAX

/* The descriptors that memlogd is started with, from INITCTL_FD on. */
enum { MEMLOGD_LOG, MEMLOGD_QUERY, MEMLOGD_STORE, MEMLOGD_SHELF_IN, MEMLOGD_SHELF_OUT, MEMLOGD_FDS };

/* daemon.c: reads and answers until TERM. The exit status, or -1. */
int daemon_run(const struct memlogd_options *o, struct error *err);

/* start.c: binds the sockets, makes the memory, and has PID 1 keep memlogd running; where it is not ours, a process
 * that is left behind does. Returns when writers and readers can connect. */
int start_run(const struct memlogd_options *o, struct error *err);
/* The same sockets: bound, non-blocking, nobody's but root's. One that is there already is removed. */
int socket_bind(const char *path, int type, struct error *err);

/* confine.c: no capability, and of system calls those of the loop. */
int daemon_confine(struct error *err);

/* logread.c, logwrite.c: exit statuses. */
int logread_main(char **argv);
int logwrite_main(char **argv);
