/* Who runs a machine: the file .lock of the state directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "process.h"
#include "state_private.h"
#include "str.h"

enum { RECORD_MAX = 64 };

int state_record_parse(const char *text, size_t n, pid_t *pid, uint64_t *start)
{
	_cleanup_free_ char *copy = strndup(text, n);
	char *space = copy ? strchr(copy, ' ') : NULL, *end = copy ? strchr(copy, '\n') : NULL;
	uint64_t number;

	if (!space || !end || end < space || strlen(copy) != n || end[1])
		return -1;
	*space = *end = '\0';
	if (str_to_u64(copy, INT32_MAX, &number) < 0 || number == 0 || str_to_u64(space + 1, UINT64_MAX, start) < 0)
		return -1;
	*pid = (pid_t)number;
	return 0;
}

static int lock_file(int dir, struct error *err)
{
	struct beneath_want want = beneath_file(geteuid());
	struct stat st;
	int fd;

	want.not_mode = 0077;
	/* One whose directory was just given up has no name any more. */
	do {
		fd = beneath_open(dir, STATE_LOCK, O_RDWR | O_CREAT, 0600, &want, err);
		if (fd < 0 || (fstat(fd, &st) == 0 && st.st_nlink > 0))
			return fd;
		close(fd);
	} while (fstat(dir, &st) == 0 && st.st_nlink > 0);
	return error_set(err, ENOENT, "%s", STATE_LOCK);
}

static int lock_byte(int fd, int command, short type, enum state_lock byte)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int r;

	while ((r = fcntl(fd, command, &l)) < 0 && errno == EINTR)
		;
	return command == F_OFD_GETLK && r == 0 ? l.l_type != F_UNLCK : r;
}

/* The lock file with its second byte held, which closing lets go of. */
int state_lock_look(int dir, struct error *err)
{
	_cleanup_close_ int fd = lock_file(dir, err);

	if (fd < 0)
		return -1;
	return lock_byte(fd, F_OFD_SETLKW, F_WRLCK, STATE_LOOK) < 0 ? error_set(err, errno, "lock %s", STATE_LOCK)
								    : steal_fd(&fd);
}

int state_lock_taken(int lock, struct error *err)
{
	int r = lock_byte(lock, F_OFD_GETLK, F_WRLCK, STATE_MACHINE);

	return r < 0 ? error_set(err, errno, "lock %s", STATE_LOCK) : r;
}

int state_lock_take(int lock, struct error *err)
{
	if (lock_byte(lock, F_OFD_SETLK, F_WRLCK, STATE_MACHINE) < 0)
		return error_set(err, errno, "lock %s", STATE_LOCK);
	return state_lock_record(lock, err);
}

int state_lock_record(int lock, struct error *err)
{
	char text[RECORD_MAX];
	uint64_t start;
	int n;

	if (process_start_time(getpid(), &start, err) < 0)
		return -1;
	n = snprintf(text, sizeof(text), "%d %llu\n", (int)getpid(), (unsigned long long)start);
	if (pwrite(lock, text, (size_t)n, 0) != n || ftruncate(lock, n) < 0)
		return error_set(err, errno, "write %s", STATE_LOCK);
	return 0;
}

void state_lock_looked(int lock)
{
	lock_byte(lock, F_OFD_SETLK, F_UNLCK, STATE_LOOK); /* letting go of what is held cannot fail */
}

pid_t state_lock_holder(int lock, uint64_t *start)
{
	char text[RECORD_MAX];
	ssize_t n = io_pread(lock, text, sizeof(text), 0);
	pid_t pid;

	return n > 0 && state_record_parse(text, (size_t)n, &pid, start) == 0 ? pid : -1;
}
