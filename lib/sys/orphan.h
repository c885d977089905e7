/* How a process ended whose parent could not wait for it any more. Such a process is reaped by PID 1 (or by whoever
 * else adopts orphans, services/supervisor/keep.h), which is told nothing about it: it leaves a note for whoever asked
 * for one.
 *
 * Who wants to know makes an empty file ORPHAN_DIR/PID while the process is there, and removes it afterwards. Who reaps
 * an orphan for which there is a file appends a line to it: exit status, or 128 + signal. The first line counts, since
 * a number may be given to another process after that. */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"

#define ORPHAN_DIR "/run/pith/orphans"

enum { ORPHAN_PATH = sizeof(ORPHAN_DIR) + 11 };

/* For all sides: the file's name. */
static inline void orphan_path(char out[ORPHAN_PATH], pid_t pid)
{
	static const char dir[] = ORPHAN_DIR "/";
	char digits[10];
	size_t n = 0, at;

	for (at = 0; at < sizeof(dir) - 1; at++)
		out[at] = dir[at];
	do {
		digits[n++] = (char)('0' + pid % 10);
		pid /= 10;
	} while (pid > 0);
	while (n > 0)
		out[at++] = digits[--n];
	out[at] = '\0';
}

/* For who reaps: status as from waitpid(2). Neither allocates nor formats, as PID 1 may not. */
static inline void orphan_reaped(pid_t pid, int status)
{
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	char path[ORPHAN_PATH], line[4];
	struct stat st;
	int fd;

	orphan_path(path, pid);
	/* A container that was given /run may have made a fifo of it, or another name of some other file. */
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return; /* nobody asks, as nearly always */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		close(fd);
		return;
	}
	line[0] = (char)('0' + code / 100);
	line[1] = (char)('0' + code / 10 % 10);
	line[2] = (char)('0' + code % 10);
	line[3] = '\n';
	(void)!write(fd, line, sizeof(line)); /* a full /run: the status is lost, no more */
	close(fd);
}

/* Asks for the note; an older one under this number is forgotten. */
int orphan_expect(pid_t pid, struct error *err);
void orphan_forget(pid_t pid);
/* Exit status or 128 + signal; -1: there is no note, or not yet. */
int orphan_status(pid_t pid);
