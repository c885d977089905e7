/* Who holds the cache up. flock(2) is asked for without waiting first, then for a moment with a timer (lock_within),
 * and only then, once it is said whose lock it is (/proc/locks), for as long as it takes. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include "beneath.h"
#include "io.h"
#include "log.h"
#include "str.h"

#define LOCKS_MAX  (1u << 20)
#define PATIENCE_S 2

pid_t cache_lock_holder(const char *text, dev_t device, ino_t inode)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		unsigned long long number;
		unsigned high, low;
		int pid;

		/* "1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF"; one that waits has an arrow in front of its kind
		 */
		if (sscanf(line, "%*u: %*s %*s %*s %d %x:%x:%llu", &pid, &high, &low, &number) == 4 && pid > 0 &&
		    high == major(device) && low == minor(device) && number == inode)
			return (pid_t)pid;
	}
	return 0;
}

/* Another user of a shared cache has his own rights to it. */
static mode_t lock_mode(int dir)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return 0600;
	return 0600 | (st.st_mode & S_IWGRP ? 0060 : 0) | (st.st_mode & S_IWOTH ? 0006 : 0);
}

static int lock_open(const char *dir, const char *name, struct error *err)
{
	const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER };
	_cleanup_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct stat st;
	mode_t mode;

	if (dirfd < 0)
		return error_set(err, errno, "%s", dir);
	mode = lock_mode(dirfd);
	fd = beneath_open(dirfd, name, O_RDWR | O_CREAT, mode, &want, err);
	if (fd < 0)
		return error_wrap(err, "%s", dir);
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return error_set(err, errno, "%s/%s", dir, name);
	return steal_fd(&fd);
}

static void say_holder(int fd, const char *dir)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *name = NULL;
	char path[40];
	struct stat st;
	pid_t pid = 0;

	if (fstat(fd, &st) == 0 && file_read("/proc/locks", LOCKS_MAX, &text, NULL) == 0)
		pid = cache_lock_holder(buf_text(&text), st.st_dev, st.st_ino);
	if (pid) {
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		name = file_line(path, NULL);
		log_info("waiting for process %d%s%s%s, which has the image cache %s locked", (int)pid,
			 name ? " (" : "", name ? name : "", name ? ")" : "", dir);
	} else {
		log_info("waiting for another program, which has the image cache %s locked", dir);
	}
}

static void patience_over(int signo)
{
	(void)signo; /* it interrupts flock */
}

/* Waits a moment for the lock, without a word to the user. 0, or -1 with EINTR when the moment is over. */
static int lock_within(int fd, int operation)
{
	const struct sigaction over = { .sa_handler = patience_over };
	const struct itimerval patience = { .it_value.tv_sec = PATIENCE_S };
	struct sigaction before;
	int r, code;

	if (sigaction(SIGALRM, &over, &before) < 0 || setitimer(ITIMER_REAL, &patience, NULL) < 0)
		return -1;
	r = flock(fd, operation);
	code = errno;
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	sigaction(SIGALRM, &before, NULL); /* what was there before is valid */
	errno = code;
	return r;
}

int cache_lock(const char *dir, const char *name, int operation, struct error *err)
{
	_cleanup_close_ int fd = lock_open(dir, name, err);

	if (fd < 0)
		return -1;
	if (flock(fd, operation | LOCK_NB) == 0 || lock_within(fd, operation) == 0)
		return steal_fd(&fd);
	if (errno == EINTR)
		say_holder(fd, dir);
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "%s/%s", dir, name);
	return steal_fd(&fd);
}
