/* For other processes: who runs the machine of a state directory. */
#include <time.h>

#include "process.h"
#include "state_private.h"

static int owner_none(const char *dir, struct error *err)
{
	return error_set(err, 0, "the machine of %s is not running", dir);
}

/* The number may be another process's by now, but not with the start time of the one that wrote it. */
static int holder_open(int lock, const char *dir, pid_t *pid, uint64_t *start, struct error *err)
{
	_cleanup_close_ int fd = -1;
	uint64_t now = 0;

	*pid = state_lock_holder(lock, start);
	fd = *pid > 0 ? process_open(*pid, NULL) : -1;
	if (fd < 0 || process_start_time(*pid, &now, NULL) < 0 || now != *start)
		return owner_none(dir, err);
	return steal_fd(&fd);
}

static int owner_open(const char *dir, pid_t *pid, uint64_t *start, struct error *err)
{
	_cleanup_close_ int lock = -1;
	_cleanup_close_ int fd = state_directory(dir, err);
	struct state s = { .dir = (char *)dir, .fd = fd };
	int taken;

	if (fd < 0)
		return -1;
	lock = state_lock_look(fd, err);
	if (lock < 0)
		return error_wrap(err, "%s", dir);
	taken = state_lock_taken(lock, err);
	if (taken < 0)
		return error_wrap(err, "%s", dir);
	if (taken)
		return holder_open(lock, dir, pid, start, err);
	state_remove_pids(&s);
	return owner_none(dir, err);
}

int state_process(const char *dir, struct error *err)
{
	uint64_t start = 0;
	pid_t pid;

	return owner_open(dir, &pid, &start, err);
}

int state_owner(const char *dir, pid_t *pid, uint64_t *age, struct error *err)
{
	uint64_t start = 0, ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	_cleanup_close_ int fd = owner_open(dir, pid, &start, err);
	struct timespec now;

	if (fd < 0)
		return -1;
	clock_gettime(CLOCK_BOOTTIME, &now); /* with this clock it cannot fail */
	*age = (uint64_t)now.tv_sec > start / ticks ? (uint64_t)now.tv_sec - start / ticks : 0;
	return 0;
}
