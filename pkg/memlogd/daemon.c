/* The daemon itself: sources fill the store, readers empty it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "initctl.h"
#include "io.h"
#include "programs.h"
#include "readers.h"
#include "sources.h"

struct daemon {
	struct store store;
	struct sources sources;
	struct readers readers;
};

static void daemon_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

static void daemon_grown(void *data)
{
	struct daemon *d = data;

	if (d->readers.loop)
		readers_wake(&d->readers);
}

/* Those of PID 1 or a keeper, or its own: then nothing outlives it. */
static int fds_get(const struct memlogd_options *o, int fds[MEMLOGD_FDS], struct error *err)
{
	int pair[2];

	if (o->fd_log == NO_FD && o->fd_query == NO_FD && initctl_fds() == MEMLOGD_FDS) {
		for (int i = 0; i < MEMLOGD_FDS; i++)
			fds[i] = INITCTL_FD + i;
		return 0;
	}
	fds[MEMLOGD_LOG] = o->fd_log != NO_FD ? (int)o->fd_log : socket_bind(o->socket_log, SOCK_DGRAM, err);
	if (fds[MEMLOGD_LOG] < 0)
		return -1;
	fds[MEMLOGD_QUERY] = o->fd_query != NO_FD ? (int)o->fd_query : socket_bind(o->socket_query, SOCK_STREAM, err);
	if (fds[MEMLOGD_QUERY] < 0)
		return -1;
	fds[MEMLOGD_STORE] = store_memory(err);
	if (fds[MEMLOGD_STORE] < 0 || shelf_pair(pair, err) < 0)
		return -1;
	fds[MEMLOGD_SHELF_IN] = pair[0];
	fds[MEMLOGD_SHELF_OUT] = pair[1];
	return io_nonblock(fds[MEMLOGD_QUERY]) < 0 ? error_set(err, errno, "the query socket") : 0;
}

static void limit_raise(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l); /* less is fine */
	}
}

static int pid_write(const char *path, struct error *err)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	return path ? file_write(path, text, (size_t)n, 0644, err) : 0;
}

static int daemon_loop(struct daemon *d, const struct memlogd_options *o, const int *fds, struct error *err)
{
	const struct store_limits limits = { .lines = (uint32_t)o->lines,
					     .line_len = (uint32_t)o->line_len,
					     .bytes = o->bytes,
					     .sources = (uint32_t)o->sources };
	struct loop *loop = loop_new(err);
	sigset_t signals;
	int fresh;

	if (!loop || store_open(&d->store, fds[MEMLOGD_STORE], &limits, &fresh, err) < 0)
		return -1;
	loop_signals_fill(&signals);
	d->sources = (struct sources){ .loop = loop,
				       .store = &d->store,
				       .shelf = { .in = fds[MEMLOGD_SHELF_IN], .out = fds[MEMLOGD_SHELF_OUT] },
				       .grown = daemon_grown,
				       .data = d };
	d->readers = (struct readers){ .loop = loop, .store = &d->store };
	if (loop_signals(loop, &signals, daemon_signal, loop, err) < 0 || pid_write(o->pid_file, err) < 0 ||
	    readers_start(&d->readers, fds[MEMLOGD_QUERY], !o->quiet, err) < 0 || daemon_confine(err) < 0 ||
	    sources_start(&d->sources, fds[MEMLOGD_LOG], err) < 0)
		return -1;
	sources_say(&d->sources, fresh ? "memlogd started" : "memlogd started again");
	return loop_run(loop, err);
}

int daemon_run(const struct memlogd_options *o, struct error *err)
{
	static struct daemon d;
	bool bound[2] = { false, false };
	int fds[MEMLOGD_FDS], r;

	limit_raise();
	if (fds_get(o, fds, err) < 0)
		return -1;
	bound[0] = fds[MEMLOGD_LOG] != INITCTL_FD && o->fd_log == NO_FD;
	bound[1] = fds[MEMLOGD_QUERY] != INITCTL_FD + 1 && o->fd_query == NO_FD;
	r = daemon_loop(&d, o, fds, err);
	if (bound[0])
		unlink(o->socket_log);
	if (bound[1])
		unlink(o->socket_query);
	return r;
}
