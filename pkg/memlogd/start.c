/* Starting memlogd so that it is never gone for long.
 *
 * The sockets are bound, and the memory and the shelf made, before memlogd itself runs; PID 1 holds them and gives them
 * to each memlogd that it starts (initctl.h). Between two of them writers' datagrams and readers' connections wait in
 * the sockets. Under another PID 1 a process that is left behind does the same. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backoff.h"
#include "initctl.h"
#include "io.h"
#include "log.h"
#include "loop.h"
#include "programs.h"
#include "shelf.h"
#include "spawn.h"
#include "str.h"
#include "unixsock.h"

enum { GRACE_SECONDS = 2, BACKLOG = 128 };

int socket_bind(const char *path, int type, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	struct stat st;
	mode_t old;
	int r;

	if (unixsock_address(&address, -1, NULL, path) < 0)
		return error_set(err, errno, "%s", path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return error_say(err, EEXIST, "%s is there, and is no socket", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, errno, "%s", path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(0077);
	r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(old);
	if (r < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return error_set(err, errno, "%s", path);
	return steal_fd(&fd);
}

/* --- the command line of the memlogd that runs on ----------------------------------------------------------------- */

struct command {
	char self[PATH_MAX], numbers[4][24];
	char *argv[INITCTL_ARGS + 1];
};

static int command_make(struct command *c, const struct memlogd_options *o, struct error *err)
{
	static const char *const names[] = { "-max-lines", "-max-line-len", "-max-bytes", "-max-sources" };
	const uint64_t values[] = { o->lines, o->line_len, o->bytes, o->sources };
	ssize_t n = readlink("/proc/self/exe", c->self, sizeof(c->self) - 1);
	size_t at = 0;

	if (n < 0)
		return error_set(err, errno, "/proc/self/exe");
	c->self[n] = '\0';
	c->argv[at++] = c->self;
	c->argv[at++] = (char *)"-quiet";
	for (size_t i = 0; i < array_len(names); i++) {
		snprintf(c->numbers[i], sizeof(c->numbers[i]), "%llu", (unsigned long long)values[i]);
		c->argv[at++] = (char *)names[i];
		c->argv[at++] = c->numbers[i];
	}
	if (o->pid_file) {
		c->argv[at++] = (char *)"-pid-file";
		c->argv[at++] = (char *)o->pid_file;
	}
	c->argv[at] = NULL;
	return 0;
}

/* --- a keeper, where PID 1 is not ours -----------------------------------------------------------------------------
 */

struct keeper {
	struct loop *loop;
	struct loop_child child;
	struct loop_timer again;
	const struct spawn *spawn;
	pid_t pid;
	uint64_t started, delay;
};

static void keeper_spawn(struct keeper *k);

static void keeper_later(struct keeper *k)
{
	k->delay = backoff_after(&backoff_restart, k->delay, loop_now() - k->started);
	if (loop_timer_after(k->loop, &k->again, k->delay, NULL) < 0)
		loop_quit(k->loop, 1);
}

static void keeper_ended(struct loop_child *child, int status)
{
	struct keeper *k = child->data;

	k->pid = 0;
	log_error("memlogd: %s; starting it again", spawn_status_text(status));
	keeper_later(k);
}

static void keeper_again(struct loop_timer *timer)
{
	keeper_spawn(timer->data);
}

static void keeper_spawn(struct keeper *k)
{
	_cleanup_error_ struct error err = { 0 };

	k->started = loop_now();
	k->pid = spawn(k->spawn, &err);
	k->child = (struct loop_child){ .fn = keeper_ended, .data = k };
	if (k->pid > 0 && loop_child_add(k->loop, &k->child, k->pid, &err) == 0)
		return;
	log_error("%s", error_text(&err));
	keeper_later(k);
}

static void keeper_signal(void *data, int signo)
{
	struct keeper *k = data;

	if (signo != SIGTERM && signo != SIGINT)
		return;
	if (k->pid > 0)
		kill(k->pid, SIGTERM);
	loop_quit(k->loop, 0);
}

static int keeper_run(const struct spawn *s)
{
	struct keeper k = { .spawn = s, .again = { .fn = keeper_again } };
	sigset_t signals;

	setsid();
	k.again.data = &k;
	loop_signals_fill(&signals);
	k.loop = loop_new(NULL);
	if (!k.loop || loop_signals(k.loop, &signals, keeper_signal, &k, NULL) < 0)
		return 1;
	keeper_spawn(&k);
	return loop_run(k.loop, NULL) < 0;
}

/* Both ends of the console or terminal that we were started from stay its own. */
static int keeper_start(char *const argv[], const int *fds, struct error *err)
{
	struct spawn_fd given[MEMLOGD_FDS + 1] = { { STDERR_FILENO, STDERR_FILENO } };
	char count[16];
	pid_t pid;

	for (int i = 0; i < MEMLOGD_FDS; i++)
		given[i + 1] = (struct spawn_fd){ fds[i], INITCTL_FD + i };
	snprintf(count, sizeof(count), "%d", MEMLOGD_FDS);
	if (setenv("PITH_FDS", count, 1) < 0)
		return error_set(err, errno, "environment");
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "fork");
	if (pid == 0)
		_exit(keeper_run(
			&(struct spawn){ .path = argv[0], .argv = argv, .fds = given, .fd_count = array_len(given) }));
	return 0;
}

/* --- the start -----------------------------------------------------------------------------------------------------
 */

/* Whether PID 1 keeps one already; -1: PID 1 is not ours. */
static int kept_already(void)
{
	_cleanup_buf_ struct buf list = { 0 };
	char *const words[] = { (char *)"list", NULL };

	if (initctl_request(words, &list, NULL) < 0)
		return -1;
	return str_starts(buf_text(&list), "memlogd ") || strstr(buf_text(&list), "\nmemlogd ") != NULL;
}

static int fds_make(const struct memlogd_options *o, int fds[MEMLOGD_FDS], struct error *err)
{
	fds[MEMLOGD_LOG] = socket_bind(o->socket_log, SOCK_DGRAM, err);
	fds[MEMLOGD_QUERY] = fds[MEMLOGD_LOG] < 0 ? -1 : socket_bind(o->socket_query, SOCK_STREAM, err);
	fds[MEMLOGD_STORE] = fds[MEMLOGD_QUERY] < 0 ? -1 : store_memory(err);
	return fds[MEMLOGD_STORE] < 0 ? -1 : shelf_pair(&fds[MEMLOGD_SHELF_IN], err);
}

int start_run(const struct memlogd_options *o, struct error *err)
{
	int kept = kept_already(), fds[MEMLOGD_FDS];
	static struct command c;

	if (kept > 0)
		return error_say(err, EEXIST, "PID 1 keeps one already; `initctl stop memlogd` ends it");
	if (command_make(&c, o, err) < 0 || fds_make(o, fds, err) < 0)
		return -1;
	if (kept == 0)
		return initctl_respawn_with("memlogd", GRACE_SECONDS, c.argv, fds, MEMLOGD_FDS, err);
	return keeper_start(c.argv, fds, err);
}
