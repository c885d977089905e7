/* The lock is flock(2) on DIR/.NAME.lock, a file that is there as long as somebody holds it, so that nothing stays
 * behind. Who has locked it and finds that it is no longer the file of that name tries again: its former holder has
 * removed it in between. */
#include "outlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard.h"
#include "str.h"

enum { TRIES = 10 };

static char *lock_name(const char *base)
{
	const char *slash = strrchr(base, '/');
	const char *name = slash ? slash + 1 : base;

	return str_format("%.*s.%s.lock", (int)(name - base), base, name);
}

static bool same_file(int fd, const char *path)
{
	struct stat open, named;

	return fstat(fd, &open) == 0 && lstat(path, &named) == 0 && open.st_dev == named.st_dev &&
		open.st_ino == named.st_ino;
}

int outlock_take(struct outlock *lock, const char *base, struct error *err)
{
	_cleanup_free_ char *path = lock_name(base);

	*lock = (struct outlock)OUTLOCK_INIT;
	if (!path)
		return error_set(err, ENOMEM, "%s", base);
	for (int i = 0; i < TRIES; i++) {
		_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0)
			return 0;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return errno != EWOULDBLOCK ? 0
						    : error_say(err, EBUSY,
								"another build is writing %s at this moment: wait for "
								"it, or use another --name or --dir",
								base);
		if (!same_file(fd, path))
			continue;
		lock->guard = guard_start(path, err);
		if (lock->guard < 0) {
			unlink(path);
			return -1;
		}
		lock->fd = steal_fd(&fd);
		lock->path = steal_ptr(&path);
		return 0;
	}
	return 0;
}

void outlock_release(struct outlock *lock)
{
	guard_release(&lock->guard);
	if (lock->path)
		unlink(lock->path); /* while it is still ours */
	cleanup_close(&lock->fd);
	lock->fd = -1;
	free(steal_ptr(&lock->path));
}
