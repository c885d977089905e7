#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io.h"
#include "str.h"

enum { FIELD_PARENT = 4, FIELD_START = 22, GENERATIONS_MOST = 64, WALKS_MOST = 8 };

/* One of the numbers in /proc/PID/stat, counted as in proc(5). */
static int stat_number(pid_t pid, int wanted, uint64_t *out, struct error *err)
{
	_cleanup_free_ char *line = NULL;
	char path[32], *p;
	int field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	line = file_line(path, err);
	if (!line)
		return -1;
	/* The second field is the program's name in parentheses; any byte may be in it. */
	p = strrchr(line, ')');
	for (field = 2; p && field < wanted; field++)
		p = strchr(p + 1, ' ');
	if (p)
		p[1 + strcspn(p + 1, " ")] = '\0';
	if (!p || str_to_u64(p + 1, UINT64_MAX, out) < 0)
		return error_set(err, EPROTO, "%s", path);
	return 0;
}

int process_start_time(pid_t pid, uint64_t *ticks, struct error *err)
{
	return stat_number(pid, FIELD_START, ticks, err);
}

/* 1: it descends from us, 0: not, -1: an ancestor ended meanwhile. */
static int walk_up(pid_t pid)
{
	for (int i = 0; i < GENERATIONS_MOST && pid > 1; i++) {
		uint64_t parent;

		if (stat_number(pid, FIELD_PARENT, &parent, NULL) < 0)
			return i == 0 ? 0 : -1;
		if ((pid_t)parent == getpid())
			return 1;
		pid = (pid_t)parent;
	}
	return 0;
}

bool process_descends(pid_t pid)
{
	int r = -1;

	for (int i = 0; r < 0 && i < WALKS_MOST; i++)
		r = walk_up(pid);
	return r > 0;
}

int process_open(pid_t pid, struct error *err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by definition */

	return fd < 0 ? error_set(err, errno, "pidfd_open %d", (int)pid) : fd;
}

int process_signal(int pidfd, int signo, struct error *err)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0
		? error_set(err, errno, "send signal %d", signo)
		: 0;
}
