#include "state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "beneath.h"
#include "io.h"
#include "outfile.h"
#include "state_private.h"
#include "str.h"

static const char mac_name[] = "mac-addr";

/* --- the directory --------------------------------------------------------------------------------------------- */

/* A link that somebody else made leads where he wants. */
static bool link_foreign(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0;
}

char *state_title(const char *dir)
{
	static const char ending[] = "-state";
	size_t n = strlen(dir), cut = sizeof(ending) - 1;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n > cut && dir[n - cut - 1] != '/' && strncmp(dir + n - cut, ending, cut) == 0)
		n -= cut;
	return strndup(dir, n);
}

int state_directory(const char *dir, struct error *err)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "state directory %s", dir);
	if (st.st_uid != geteuid())
		return error_set(err, 0, "state directory %s belongs to user %u, not to you (user %u)", dir, st.st_uid,
				 geteuid());
	if (link_foreign(dir))
		return error_set(err, 0, "state directory %s is a link that somebody else made", dir);
	return steal_fd(&fd);
}

static bool dir_empty(int fd)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	d = again < 0 ? NULL : fdopendir(again);
	if (!d && again >= 0)
		close(again);
	while (d && (e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			return false;
	return d != NULL;
}

/* A directory that is used for other things as well keeps its mode: the files in it are closed to others anyway. Where
 * others may write it cannot be used. */
static int dir_close_to_others(int fd, const char *dir, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "state directory %s", dir);
	if (!(st.st_mode & 0077))
		return 0;
	if (!(st.st_mode & S_ISVTX) && (faccessat(fd, mac_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || dir_empty(fd)))
		return fchmod(fd, 0700) < 0 ? error_set(err, errno, "state directory %s", dir) : 0;
	if (st.st_mode & 0022)
		return error_set(
			err, 0,
			"state directory %s: others may write there (mode %04o): chmod 700 it, or name another "
			"with --state",
			dir, (unsigned)(st.st_mode & 07777));
	return 0;
}

static int dir_open(struct state *s, struct error *err)
{
	_cleanup_free_ char *parent = strdup(s->dir);
	char *slash;

	if (!parent)
		return error_set(err, ENOMEM, "state directory");
	slash = strrchr(parent, '/');
	if (slash && slash != parent) {
		*slash = '\0';
		if (dir_make(parent, 0755, err) < 0)
			return error_wrap(err, "state directory");
	}
	s->made = mkdir(s->dir, 0700) == 0;
	if (!s->made && errno != EEXIST)
		return error_set(err, errno, "state directory %s", s->dir);
	s->fd = state_directory(s->dir, err);
	if (s->fd < 0)
		return error_wrap(err, "name another with --state");
	return dir_close_to_others(s->fd, s->dir, err);
}

static int taken(struct state *s, struct error *err)
{
	_cleanup_free_ char *title = state_title(s->dir), *process = NULL;
	uint64_t start;
	pid_t pid = state_lock_holder(s->lock, &start);

	s->made = false; /* it is the other's */
	process = pid > 0 ? str_format(" (process %d)", (int)pid) : NULL;
	return error_set(err, 0, "a machine runs from %s%s: `pith stop %s` ends it, --state names another place",
			 s->dir, process ? process : "", title ? title : s->dir);
}

static int lock(struct state *s, struct error *err)
{
	int r;

	s->lock = state_lock_look(s->fd, err);
	if (s->lock < 0)
		return error_wrap(err, "%s", s->dir);
	r = state_lock_taken(s->lock, err);
	if (r > 0)
		return taken(s, err);
	if (r < 0 || state_lock_take(s->lock, err) < 0)
		return error_wrap(err, "%s", s->dir);
	state_remove_pids(s);
	state_lock_looked(s->lock);
	return 0;
}

int state_open(struct state *s, const char *dir, struct error *err)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	s->dir = strndup(dir, n);
	if (!s->dir)
		return error_set(err, ENOMEM, "state directory");
	if (dir_open(s, err) == 0 && lock(s, err) == 0)
		return 0;
	state_undo(s);
	s->made = false;
	return -1;
}

int state_claim(struct state *s, struct error *err)
{
	return state_lock_record(s->lock, err) < 0 ? error_wrap(err, "%s", s->dir) : 0;
}

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

/* --- its files ------------------------------------------------------------------------------------------------- */

/* The type of what is there, 0 for nothing; -1 for a link of somebody else's. */
static int look(const struct state *s, const char *name, mode_t *type, struct error *err)
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
static int open_as(const struct state *s, const char *name, mode_t type, int flags, const struct beneath_want *want,
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
static int write_into(const struct state *s, const char *name, mode_t type, const void *data, size_t n,
		      struct error *err)
{
	const struct beneath_want want = { .type = type, .owner = BENEATH_ANY_OWNER };
	_cleanup_error_ struct error why = { 0 };
	_cleanup_close_ int fd = open_as(s, name, type, O_WRONLY, &want, &why);

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

static int replace(const char *path, const void *data, size_t n, struct error *err)
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

	if (!path || look(s, name, &type, err) < 0)
		return -1;
	if (type == S_IFIFO || type == S_IFCHR || type == S_IFBLK)
		return write_into(s, name, type, data, n, err);
	return replace(path, data, n, err);
}

int state_create(const struct state *s, const char *name, struct error *err)
{
	struct beneath_want want = { .owner = BENEATH_ANY_OWNER };
	_cleanup_close_ int fd = -1;
	int flags = O_WRONLY | O_CREAT | O_TRUNC;
	mode_t type;

	if (look(s, name, &type, err) < 0)
		return -1;
	/* Writing into a fifo that nobody reads yet takes a reading end of our own. */
	if (type == S_IFIFO)
		flags = O_RDWR;
	else if (type == S_IFCHR || type == S_IFBLK)
		flags = O_WRONLY;
	else if (type != S_IFLNK)
		want = (struct beneath_want){ .type = S_IFREG, .owner = BENEATH_ANY_OWNER, .only_link = true };
	fd = open_as(s, name, type, flags, &want, err);
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

	if (look(s, name, &type, err) < 0)
		return -1;
	fd = open_as(s, name, type, O_RDONLY, &want, err);
	if (fd < 0 || file_read_fd(fd, name, max, out, err) < 0)
		return error_wrap(err, "%s", s->dir);
	return 0;
}

int state_adopt(const struct state *s, const char *name, struct error *err)
{
	mode_t type;

	if (look(s, name, &type, err) < 0)
		return -1;
	if (type == S_IFREG && fchmodat(s->fd, name, 0600, 0) < 0)
		return error_set(err, errno, "%s/%s", s->dir, name);
	return 0;
}

void state_remove(const struct state *s, const char *name)
{
	_cleanup_free_ char *path = NULL, *target = NULL;
	mode_t type;

	if (look(s, name, &type, NULL) < 0)
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

/* --- the MAC address ------------------------------------------------------------------------------------------- */

bool state_mac_valid(const char *mac)
{
	size_t i;

	for (i = 0; mac[i]; i++)
		if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
			return false;
	return i == 17;
}

static char *mac_make(struct state *s, struct error *err)
{
	_cleanup_free_ char *mac = NULL;
	unsigned char b[6];

	if (getrandom(b, sizeof(b), 0) != sizeof(b)) {
		error_set(err, errno, "getrandom");
		return NULL;
	}
	b[0] = (unsigned char)((b[0] & 0xfc) | 2); /* unicast, locally administered */
	mac = str_format("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	if (!mac) {
		error_set(err, ENOMEM, "MAC address");
		return NULL;
	}
	if (state_made(s, mac_name, err) < 0 || state_write(s, mac_name, mac, strlen(mac), err) < 0)
		return NULL;
	return steal_ptr(&mac);
}

char *state_mac(struct state *s, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	_cleanup_buf_ struct buf text = { 0 };
	char *mac;

	if (state_read(s, mac_name, 4096, &text, &why) < 0) {
		if (why.code == ENOENT)
			return mac_make(s, err);
		error_move(err, &why);
		return NULL;
	}
	mac = buf_steal_text(&text);
	if (!mac) {
		error_set(err, ENOMEM, "MAC address");
		return NULL;
	}
	mac[strcspn(mac, "\n")] = '\0';
	if (state_mac_valid(mac))
		return mac;
	error_set(err, 0, "%s/%s: \"%s\" is not a MAC address: remove the file to get a new one", s->dir, mac_name,
		  mac);
	free(mac);
	return NULL;
}

/* --- the end --------------------------------------------------------------------------------------------------- */

void state_undo(struct state *s)
{
	size_t i;

	for (i = 0; s->made_files && s->made_files[i]; i++)
		state_remove(s, s->made_files[i]);
	if (!s->made)
		return;
	/* Whoever has opened the lock meanwhile sees that it has no name any more. rmdir fails, rightly, when something
	 * else is in the directory. */
	if (s->lock >= 0)
		unlinkat(s->fd, STATE_LOCK, 0);
	rmdir(s->dir);
}

void state_close(struct state *s)
{
	if (s->lock >= 0)
		close(s->lock);
	if (s->fd >= 0)
		close(s->fd);
	strv_free(s->made_files);
	free(s->dir);
	*s = (struct state)STATE_INIT;
}
