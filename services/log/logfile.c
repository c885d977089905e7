#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "str.h"

enum { TRIES = 3, ASIDE_MOST = 10 };

/* What the open says of something that is no log of ours; all else (no room, a file system without writing) is no
 * reason to take anything away. */
static bool is_foreign(int code)
{
	return code == ELOOP || code == EINVAL || code == EMLINK || code == EPERM || code == EISDIR || code == ENXIO ||
		code == ENODEV || code == EWOULDBLOCK;
}

static int place_clear(int dirfd, const char *file)
{
	if (unlinkat(dirfd, file, 0) == 0 || unlinkat(dirfd, file, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	for (int i = 1; i <= ASIDE_MOST; i++) {
		_cleanup_free_ char *aside = str_format("%s.aside.%d", file, i);

		if (aside && syscall(SYS_renameat2, dirfd, file, dirfd, aside, RENAME_NOREPLACE) == 0)
			return 0;
	}
	return -1;
}

int logfile_open(const char *dir, const char *file, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int dirfd = beneath_mkdir(BENEATH_ROOT, dir, 0755, false, err);

	if (dirfd < 0)
		return -1;
	/* Somebody may put something there again at once. */
	for (int i = 1;; i++) {
		_cleanup_error_ struct error why = { 0 };
		int fd = beneath_open(dirfd, file, O_RDWR | O_CREAT | O_APPEND, 0644, &want, &why);

		if (fd >= 0)
			return fd;
		if (i == TRIES || !is_foreign(why.code) || place_clear(dirfd, file) < 0) {
			error_move(err, &why);
			return error_wrap(err, "%s", dir);
		}
	}
}

bool logfile_is(int fd, const char *dir, const char *file, const char *suffix, uint64_t *size)
{
	_cleanup_free_ char *path = str_format("%s/%s%s", dir, file, suffix);
	struct stat ours, there;

	if (!path || fstat(fd, &ours) < 0 || fstatat(AT_FDCWD, path, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
	    ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
		return false;
	*size = (uint64_t)ours.st_size;
	return true;
}

int logfile_turn(int fd, const char *dir, const char *file, bool *kept, struct error *err)
{
	_cleanup_close_ int dirfd = beneath_mkdir(BENEATH_ROOT, dir, 0755, false, NULL), ours = fd;
	_cleanup_free_ char *old = str_format("%s.1", file);
	bool turned = dirfd >= 0 && old &&
		(renameat(dirfd, file, dirfd, old) == 0 ||
		 (errno != ENOENT && place_clear(dirfd, old) == 0 && renameat(dirfd, file, dirfd, old) == 0));

	if (kept)
		*kept = turned;
	if (turned)
		return logfile_open(dir, file, err);
	if (ftruncate(ours, 0) < 0)
		return error_set(err, errno, "%s/%s", dir, file);
	return steal_fd(&ours);
}

int logfile_view(const char *dir, const char *file, const char *suffix, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_free_ char *path = str_format("%s/%s%s", dir, file, suffix);

	if (!path)
		return error_set(err, ENOMEM, "%s", file);
	return beneath_open(BENEATH_ROOT, path, O_RDONLY, 0, &want, err);
}

int logfile_take(int fd, size_t most, struct buf *out, struct error *err)
{
	off_t end = lseek(fd, 0, SEEK_END);
	size_t want = end < 0 ? 0 : end > (off_t)most ? most : (size_t)end;
	uint8_t *p;
	ssize_t n;

	if (want == 0)
		return 0;
	if (!(p = buf_reserve(out, want)))
		return error_set(err, ENOMEM, "no memory for %zu bytes", want);
	n = io_pread(fd, p, want, end - (off_t)want);
	if (n < 0)
		return error_set(err, errno, "read");
	buf_commit(out, (size_t)n);
	return 0;
}

int logfile_read(const char *dir, const char *file, const char *suffix, size_t most, struct buf *out, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	_cleanup_close_ int fd = logfile_view(dir, file, suffix, &why);

	if (fd < 0)
		return why.code == ENOENT ? 0 : error_move(err, &why);
	return logfile_take(fd, most, out, err) < 0 ? error_wrap(err, "%s/%s%s", dir, file, suffix) : 0;
}

char *logfile_dir(const char *dir, const char *record, bool first)
{
	_cleanup_close_ int fd = first ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	char link[BENEATH_FD_PATH_MAX], real[PATH_MAX];
	char *known = first ? NULL : file_line(record, NULL);
	ssize_t n = fd < 0 ? -1 : readlink(beneath_fd_path(link, fd), real, sizeof(real) - 1);

	if (known)
		return known;
	if (n <= 0)
		return strdup(dir);
	real[n] = '\0';
	/* When it cannot be written down, a supervisor that follows this one takes dir and refuses the link. */
	if (!str_eq(real, dir))
		file_write(record, real, (size_t)n, 0644, NULL);
	return strdup(real);
}
