#include "io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "str.h"

ssize_t io_read(int fd, void *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = read(fd, (char *)data + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

ssize_t io_pread(int fd, void *data, size_t n, off_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, (char *)data + done, n - done, offset + (off_t)done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int io_write(int fd, const void *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = write(fd, (const char *)data + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		done += (size_t)r;
	}
	return 0;
}

int io_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void io_fill_standard(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest number that is free is given: this one. Where there is no /dev/null something has to hold
		 * it, from which nothing can be read and into which nothing can be written. */
		if (open("/dev/null", O_RDWR) < 0 && open("/", O_PATH) < 0)
			return;
	}
}

int *io_open_fds(void)
{
	_cleanup_closedir_ DIR *d = opendir("/proc/self/fd");
	_cleanup_free_ int *fds = malloc(sizeof(*fds));
	struct dirent *e;
	size_t n = 0;

	while (d && fds && (e = readdir(d))) {
		uint64_t fd;
		int *grown;

		if (str_to_u64(e->d_name, INT32_MAX, &fd) < 0 || fd < 3 || (int)fd == dirfd(d))
			continue;
		grown = reallocarray(fds, n + 2, sizeof(*fds));
		if (!grown)
			return NULL;
		fds = grown;
		fds[n++] = (int)fd;
	}
	if (!d || !fds)
		return NULL;
	fds[n] = -1;
	return steal_ptr(&fds);
}

int file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct error *err)
{
	size_t total = 0;

	for (;;) {
		size_t want = max - total < 16384 ? max - total + 1 : 16384;
		uint8_t *p = buf_reserve(out, want);
		ssize_t r;

		if (!p)
			return error_set(err, errno, "%s", name);
		r = read(fd, p, want);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return error_set(err, errno, "read %s", name);
		buf_commit(out, (size_t)r);
		if (r == 0)
			return 0;
		total += (size_t)r;
		if (total > max)
			return error_set(err, EFBIG, "%s: more than %zu bytes", name, max);
	}
}

int file_read_at(int dirfd, const char *path, size_t max, struct buf *out, struct error *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? error_set(err, errno, "%s", path) : file_read_fd(fd, path, max, out, err);
}

int file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
	return file_read_at(AT_FDCWD, path, max, out, err);
}

char *file_line(const char *path, struct error *err)
{
	_cleanup_buf_ struct buf b = { 0 };
	char *s;

	if (file_read(path, 4096, &b, err) < 0)
		return NULL;
	s = buf_steal_text(&b);
	if (!s) {
		error_set(err, ENOMEM, "%s", path);
		return NULL;
	}
	s[strcspn(s, "\n")] = '\0';
	return s;
}

int file_poke(const char *path, const char *text, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);
	ssize_t r;

	if (fd < 0)
		return error_set(err, errno, "%s", path);
	do
		r = write(fd, text, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_set(err, errno, "write %s", path);
	if ((size_t)r != n)
		return error_set(err, EIO, "write %s", path);
	return 0;
}

/* What file_write() names a file before it is whole: ".NAME.XXXXXX.tmp". */
static bool name_is_temporary(const char *name)
{
	size_t n = strlen(name);

	return name[0] == '.' && n > sizeof("..XXXXXX.tmp") - 1 && str_eq(name + n - 4, ".tmp") && name[n - 11] == '.';
}

int file_write(const char *path, const void *data, size_t n, mode_t mode, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *temporary = str_format("%.*s.%s.XXXXXX.tmp", (int)(name - path), path, name);
	_cleanup_close_ int fd = -1;
	int code = 0;

	if (!temporary)
		return error_set(err, ENOMEM, "%s", path);
	fd = mkostemps(temporary, sizeof(".tmp") - 1, O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "%s", path);
	if (io_write(fd, data, n) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0) {
		code = errno;
		unlink(temporary);
		return error_set(err, code, "write %s", path);
	}
	return 0;
}

char **dir_names(int dirfd, const char *path, bool hidden, struct error *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	_cleanup_strv_ char **names = calloc(1, sizeof(*names));
	struct dirent *entry;

	if (!dir || !names) {
		error_set(err, errno, "%s", path);
		return NULL;
	}
	steal_fd(&fd);
	while (errno = 0, (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' && (!hidden || str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..")))
			continue;
		if (strv_add(&names, entry->d_name) < 0)
			break;
	}
	if (errno) {
		error_set(err, errno, "%s", path);
		return NULL;
	}
	strv_sort(names);
	return steal_ptr(&names);
}

void dir_sweep(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_strv_ char **names = fd < 0 ? NULL : dir_names(fd, ".", true, NULL);
	char **name;

	for (name = names; name && *name; name++)
		if (name_is_temporary(*name))
			unlinkat(fd, *name, 0);
}

/* One that is there already is fine, whatever else mkdir() would have said: on a read-only file system this may come
 * first. */
static int dir_ensure(const char *path, mode_t mode, struct error *err)
{
	struct stat st;
	int code;

	if (mkdir(path, mode) == 0)
		return 0;
	code = errno;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		code = ENOTDIR;
	}
	return error_set(err, code, "make directory %s", path);
}

int dir_make(const char *path, mode_t mode, struct error *err)
{
	_cleanup_free_ char *p = strdup(path);
	char *slash;

	if (!p)
		return error_set(err, ENOMEM, "%s", path);
	if (mkdir(path, mode) == 0)
		return 0;
	for (slash = p + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (dir_ensure(p, mode, err) < 0)
			return -1;
		*slash = '/';
	}
	return dir_ensure(path, mode, err);
}

/* How deep a tree is removed by recursion, each level of which has a descriptor. */
enum { REMOVE_DEPTH = 200 };

struct removal {
	int top;         /* what is removed, open */
	dev_t device;    /* where it is; 0: not looked at yet */
	unsigned lifted; /* folders of the deepest level that were moved up into it, to be removed from there */
};

static int removal_lift(struct removal *r, int dirfd, const char *name, struct error *err)
{
	char to[32];
	int code;

	/* Under a name that is free, or whose empty folder goes. */
	do {
		snprintf(to, sizeof(to), ".lifted.%u", r->lifted++);
		code = renameat(dirfd, name, r->top, to) < 0 ? errno : 0;
	} while (code == ENOTEMPTY || code == EEXIST || code == ENOTDIR);
	return code ? error_set(err, code, "remove %s", name) : 0;
}

static int remove_at(struct removal *r, int dirfd, const char *name, unsigned depth, struct error *err);

/* All that is in a directory. */
static int removal_empty(struct removal *r, DIR *dir, dev_t device, const char *name, unsigned depth, struct error *err)
{
	struct dirent *entry;
	struct stat st;

	if (fstat(dirfd(dir), &st) < 0)
		return error_set(err, errno, "remove %s", name);
	if (device != 0 && st.st_dev != device)
		return error_set(err, EBUSY, "remove %s: something is mounted there", name);
	r->device = st.st_dev;
	while ((entry = readdir(dir)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") &&
		    remove_at(r, dirfd(dir), entry->d_name, depth + 1, err) < 0)
			return -1;
	return 0;
}

static int remove_at(struct removal *r, int dirfd, const char *name, unsigned depth, struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	dev_t device = r->device;
	unsigned lifted;
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return error_set(err, errno, "remove %s", name);
	if (depth > REMOVE_DEPTH)
		return removal_lift(r, dirfd, name, err);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "remove %s", name);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return error_set(err, errno, "remove %s", name);
	}
	if (depth == 0)
		r->top = fd;
	do {
		lifted = r->lifted;
		rewinddir(dir);
		if (removal_empty(r, dir, device, name, depth, err) < 0)
			return -1;
	} while (depth == 0 && r->lifted != lifted);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_set(err, errno, "remove %s", name);
	return 0;
}

int dir_remove(const char *path, struct error *err)
{
	struct removal r = { .top = -1 };

	return remove_at(&r, AT_FDCWD, path, 0, err);
}
