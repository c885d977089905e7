#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "str.h"

enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_FLAGS = 9, FIELD_START = 22, STAT_MAX = 4096 };
enum { GENERATIONS_MOST = 64, WALKS_MOST = 8 };

/* Of one field behind the name; those that are of no interest are passed over. */
static int field_take(struct process_stat *p, int field, const char *text)
{
	uint64_t n;

	switch (field) {
	case FIELD_STATE:
		p->state = *text;
		return 0;
	case FIELD_PARENT:
		if (str_to_u64(text, INT32_MAX, &n) < 0)
			return -1;
		p->parent = (pid_t)n;
		return 0;
	case FIELD_FLAGS:
		if (str_to_u64(text, UINT32_MAX, &n) < 0)
			return -1;
		p->flags = (uint32_t)n;
		return 0;
	case FIELD_START:
		return str_to_u64(text, UINT64_MAX, &p->start);
	default:
		return 0;
	}
}

/* "PID (NAME) STATE PPID ...": the name may hold anything, also ")". */
int process_stat_parse(char *text, struct process_stat *out)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')'), *field, *rest;
	uint64_t pid;
	int i = FIELD_STATE;

	*out = (struct process_stat){ 0 };
	errno = EPROTO;
	if (!open || !close || close < open || open == text || open[-1] != ' ')
		return -1;
	open[-1] = *close = '\0';
	out->name = open + 1;
	if (str_to_u64(text, INT32_MAX, &pid) < 0)
		return -1;
	out->pid = (pid_t)pid;
	for (field = strtok_r(close + 1, " \n", &rest); field && i <= FIELD_START; i++) {
		if (field_take(out, i, field) < 0)
			return -1;
		field = strtok_r(NULL, " \n", &rest);
	}
	errno = EPROTO;
	return i > FIELD_START ? 0 : -1;
}

int process_stat_read(pid_t pid, struct buf *text, struct process_stat *out, struct error *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	buf_clear(text);
	if (file_read(path, STAT_MAX, text, err) < 0)
		return -1;
	return process_stat_parse((char *)buf_text(text), out) < 0 ? error_set(err, EPROTO, "%s", path) : 0;
}

int process_start_time(pid_t pid, uint64_t *ticks, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct process_stat p;

	if (process_stat_read(pid, &text, &p, err) < 0)
		return -1;
	*ticks = p.start;
	return 0;
}

/* 1: it descends from us, 0: not, -1: an ancestor ended meanwhile. */
static int ancestors_walk(pid_t pid)
{
	for (int i = 0; i < GENERATIONS_MOST && pid > 1; i++) {
		_cleanup_buf_ struct buf text = { 0 };
		struct process_stat p;

		if (process_stat_read(pid, &text, &p, NULL) < 0)
			return i == 0 ? 0 : -1;
		if (p.parent == getpid())
			return 1;
		pid = p.parent;
	}
	return 0;
}

bool process_descends(pid_t pid)
{
	int r = -1;

	for (int i = 0; r < 0 && i < WALKS_MOST; i++)
		r = ancestors_walk(pid);
	return r > 0;
}

int child_reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
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
