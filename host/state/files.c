/* The files of a state directory: each is opened below its descriptor. */
#include "state_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "beneath.h"
#include "io.h"
#include "outfile.h"
#include "str.h"

char *state_path(const struct state *s, const char *name, struct error *err)
{
	char *path = str_format("%s/%s", s->dir, name);

	if (!path)
		error_set(err, ENOMEM, "state directory");
	return path;
}

int state_made(struct state *s, const char *name, struct error *err)
{
	if (faccessat(s->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return strv_add(&s->made_files, name) < 0 ? error_set(err, ENOMEM, "state directory") : 0;
}

/* The type of what is there, 0 for nothing; -1 for a link of somebody else's. */
static int file_look(const struct state *s, const char *name, mode_t *type, struct error *err)
{
	struct stat st;

	*type = 0;
	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s/%s", s->dir, name);
	*type = st.st_mode & S_IFMT;
	if (S_ISLNK(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0)
		return error_set(err, 0, "%s/%s is a link that user %u made: remove it", s->dir, name, st.st_uid);
	return 0;
}

/* The descriptor says what it became between the look and the open. */
static int file_open(const struct state *s, const char *name, mode_t type, int flags, const struct beneath_want *want,
		     struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (type != S_IFLNK)
		return beneath_open(s->fd, name, flags, 0600, want, err);
	fd = openat(s->fd, name, (flags & ~O_TRUNC) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return error_set(err, errno, "%s", name);
	if (beneath_check(fd, name, want, err) < 0)
		return -1;
	if ((flags & O_TRUNC) && ftruncate(fd, 0) < 0 && errno != EINVAL) /* a device has no length */
		return error_set(err, errno, "%s", name);
	return steal_fd(&fd);
}

/* Nobody waits for what a machine says of itself: a fifo without a reader, or a full one, gets nothing. */
static int file_write_into(const struct state *s, const char *name, mode_t type, const void *data, size_t n,
			   struct error *err)
{
	const struct beneath_want want = { .type = type, .owner = BENEATH_ANY_OWNER };
	_cleanup_error_ struct error why = { 0 };
	_cleanup_close_ int fd = file_open(s, name, type, O_WRONLY, &want, &why);

	if (fd < 0 && type == S_IFIFO && why.code == ENXIO)
		return 0;
	if (fd < 0) {
		error_move(err, &why);
		return error_wrap(err, "%s", s->dir);
	}
	if (write(fd, data, n) < 0 && errno != EAGAIN && errno != EPIPE)
		return error_set(err, errno, "write %s/%s", s->dir, name);
	return 0;
}

static int file_replace(const char *path, const void *data, size_t n, struct error *err)
{
	_cleanup_outfile_ struct outfile out = OUTFILE_INIT;

	if (outfile_open(&out, path, err) < 0)
		return -1;
	if (io_write(out.fd, data, n) < 0)
		return error_set(err, errno, "write %s", path);
	return outfile_commit(&out, 0600, err);
}

int state_write(const struct state *s, const char *name, const void *data, size_t n, struct error *err)
{
	_cleanup_free_ char *path = state_path(s, name, err);
	mode_t type;

	if (!path || file_look(s, name, &type, err) < 0)
		return -1;
	if (type == S_IFIFO || type == S_IFCHR || type == S_IFBLK)
		return file_write_into(s, name, type, data, n, err);
	return file_replace(path, data, n, err);
}

int state_create(const struct state *s, const char *name, struct error *err)
{
	struct beneath_want want = { .owner = BENEATH_ANY_OWNER };
	_cleanup_close_ int fd = -1;
	int flags = O_WRONLY | O_CREAT | O_TRUNC;
	mode_t type;

	if (file_look(s, name, &type, err) < 0)
		return -1;
	/* Writing into a fifo that nobody reads yet takes a reading end of our own. */
	if (type == S_IFIFO)
		flags = O_RDWR;
	else if (type == S_IFCHR || type == S_IFBLK)
		flags = O_WRONLY;
	else if (type != S_IFLNK)
		want = (struct beneath_want){ .type = S_IFREG, .owner = BENEATH_ANY_OWNER, .only_link = true };
	fd = file_open(s, name, type, flags, &want, err);
	if (fd < 0)
		return error_wrap(err, "%s", s->dir);
	if (want.type == S_IFREG && fchmod(fd, 0600) < 0)
		return error_set(err, errno, "%s/%s", s->dir, name);
	return steal_fd(&fd);
}

int state_read(const struct state *s, const char *name, size_t max, struct buf *out, struct error *err)
{
	const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER };
	_cleanup_close_ int fd = -1;
	mode_t type;

	if (file_look(s, name, &type, err) < 0)
		return -1;
	fd = file_open(s, name, type, O_RDONLY, &want, err);
	if (fd < 0 || file_read_fd(fd, name, max, out, err) < 0)
		return error_wrap(err, "%s", s->dir);
	return 0;
}

int state_adopt(const struct state *s, const char *name, struct error *err)
{
	mode_t type;

	if (file_look(s, name, &type, err) < 0)
		return -1;
	if (type == S_IFREG && fchmodat(s->fd, name, 0600, 0) < 0)
		return error_set(err, errno, "%s/%s", s->dir, name);
	return 0;
}

void state_remove(const struct state *s, const char *name)
{
	_cleanup_free_ char *path = NULL, *target = NULL;
	mode_t type;

	if (file_look(s, name, &type, NULL) < 0)
		return;
	if (type == S_IFREG) {
		unlinkat(s->fd, name, 0); /* where that fails it stays */
		return;
	}
	path = type == S_IFLNK ? state_path(s, name, NULL) : NULL;
	target = path ? realpath(path, NULL) : NULL;
	if (target) {
		struct stat st;

		if (stat(target, &st) == 0 && S_ISREG(st.st_mode))
			unlink(target);
	}
}

void state_remove_pids(const struct state *s)
{
	static const char *const names[] = { "qemu.pid", "pith.pid" };

	for (size_t i = 0; i < array_len(names); i++)
		state_remove(s, names[i]);
}
