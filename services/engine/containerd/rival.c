#include "rival.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "buf.h"
#include "cleanup.h"
#include "io.h"
#include "process.h"

enum { LOCKS_MAX = 1 << 20, LINE_MOST = 128, PID_MOST = 1 << 22 };

bool rival_lock_parse(const char **text, const char *end, struct rival_lock *out)
{
	const char *begin = *text, *stop = memchr(begin, '\n', (size_t)(end - begin));
	size_t n = (size_t)((stop ? stop : end) - begin);
	unsigned long long inode;
	unsigned major_number, minor_number;
	char line[LINE_MOST];
	int pid;

	*text = stop ? stop + 1 : end;
	if (n >= sizeof(line))
		return false;
	memcpy(line, begin, n);
	line[n] = '\0';
	/* A waiting one has "->" behind its number. */
	if (sscanf(line, "%*20[0-9]: FLOCK %*10s %*10s %8d %4x:%5x:%20llu", &pid, &major_number, &minor_number,
		   &inode) != 4 ||
	    pid < 2 || pid > PID_MOST)
		return false;
	*out = (struct rival_lock){ .pid = pid, .device = makedev(major_number, minor_number), .inode = inode };
	return true;
}

static bool same_program(pid_t a, pid_t b)
{
	struct stat one, two;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)a);
	if (stat(path, &one) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)b);
	return stat(path, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static bool has_open(DIR *fds, const struct rival_lock *lock)
{
	struct dirent *entry;
	struct stat st;

	rewinddir(fds);
	while ((entry = readdir(fds)))
		if (entry->d_name[0] != '.' && fstatat(dirfd(fds), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
		    st.st_ino == lock->inode && st.st_dev == lock->device)
			return true;
	return false;
}

int rival_find(pid_t pid, pid_t *rival)
{
	_cleanup_buf_ struct buf locks = { 0 };
	_cleanup_closedir_ DIR *fds = NULL;
	struct rival_lock lock;
	const char *at, *end;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	if (!fds || file_read("/proc/locks", LOCKS_MAX, &locks, NULL) < 0)
		return -1;
	at = buf_text(&locks);
	end = at + locks.len;
	while (at < end) {
		_cleanup_close_ int process = -1;

		if (!rival_lock_parse(&at, end, &lock) || lock.pid == pid || !has_open(fds, &lock))
			continue;
		/* Opened first, then looked at: it is the process that was looked at. */
		process = process_open(lock.pid, NULL);
		if (process < 0 || !same_program(pid, lock.pid))
			continue;
		*rival = lock.pid;
		return steal_fd(&process);
	}
	return -1;
}
