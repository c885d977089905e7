#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "io.h"

struct beneath_want beneath_file(uid_t owner)
{
	return (struct beneath_want){ .type = S_IFREG, .owner = owner, .only_link = true };
}

const char *beneath_fd_path(char out[BENEATH_FD_PATH_MAX], int fd)
{
	snprintf(out, BENEATH_FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return out;
}

static const char *type_name(mode_t type)
{
	switch (type) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a fifo";
	case S_IFSOCK:
		return "a socket";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "something else";
	}
}

static int check_type(mode_t is, mode_t wanted, const char *name, struct error *err)
{
	int code = is == S_IFDIR ? EISDIR : wanted == S_IFDIR ? ENOTDIR : is == S_IFLNK ? ELOOP : EINVAL;

	if (!wanted || is == wanted)
		return 0;
	return error_say(err, code, "%s: %s is wanted, this is %s", name, type_name(wanted), type_name(is));
}

int beneath_check(int fd, const char *name, const struct beneath_want *want, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", name);
	if (check_type(st.st_mode & S_IFMT, want->type, name, err) < 0)
		return -1;
	if (want->owner != BENEATH_ANY_OWNER && st.st_uid != want->owner)
		return error_say(err, EPERM, "%s: belongs to user %u, not to user %u", name, st.st_uid, want->owner);
	if (want->only_link && !S_ISDIR(st.st_mode) && st.st_nlink > 1)
		return error_say(err, EMLINK, "%s: the file has a second name (%u links)", name, (unsigned)st.st_nlink);
	if (st.st_mode & want->not_mode)
		return error_say(err, EPERM, "%s: mode %04o lets others at it", name, (unsigned)(st.st_mode & 07777));
	return 0;
}

/* openat2 says EAGAIN where a rename or mount beside it made ".." uncertain; somebody who renames for ever gets it for
 * an answer after a few tries. */
static int open_resolved(int dirfd, const char *path, uint64_t flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = flags & O_CREAT ? mode & 07777 : 0, .resolve = resolve };
	_cleanup_close_ int root = -1;

	if (dirfd == BENEATH_ROOT) {
		dirfd = root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		path += strspn(path, "/");
		path = *path ? path : ".";
		if (root < 0)
			return -1;
	}
	for (int tries = 0;; tries++) {
		int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0 || (errno != EINTR && (errno != EAGAIN || tries >= 128)))
			return fd;
	}
}

static uint64_t resolve_flags(bool follow)
{
	return RESOLVE_NO_MAGICLINKS | (follow ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int beneath_open(int dirfd, const char *path, int flags, mode_t mode, const struct beneath_want *want,
		 struct error *err)
{
	_cleanup_close_ int fd = -1;
	int how = (flags & ~O_TRUNC) | O_CLOEXEC;

	/* O_PATH opens nothing: only these may stand beside it */
	how = flags & O_PATH ? how & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : how | O_NONBLOCK | O_NOCTTY;
	fd = open_resolved(dirfd, path, (uint64_t)how, mode, resolve_flags(want->follow));
	if (fd < 0)
		return error_set(err, errno, "%s", path);
	if (beneath_check(fd, path, want, err) < 0)
		return -1;
	if ((flags & O_TRUNC) && ftruncate(fd, 0) < 0)
		return error_set(err, errno, "%s", path);
	return steal_fd(&fd);
}

static int open_or_make(int dirfd, const char *so_far, const char *name, mode_t mode, bool follow, struct error *err)
{
	const struct beneath_want want = { .type = S_IFDIR, .owner = BENEATH_ANY_OWNER, .follow = follow };
	int fd = beneath_open(dirfd, so_far, O_PATH | O_DIRECTORY, 0, &want, err);
	_cleanup_close_ int parent = -1;
	_cleanup_free_ char *above = NULL;

	if (fd >= 0 || !err || err->code != ENOENT)
		return fd;
	error_clear(err);
	above = strndup(so_far, (size_t)(name - so_far));
	if (!above)
		return error_set(err, ENOMEM, "%s", so_far);
	parent = beneath_open(dirfd, *above ? above : ".", O_PATH | O_DIRECTORY, 0, &want, err);
	if (parent < 0)
		return -1;
	/* A dangling link is EEXIST here and ENOENT below: it is refused, not made good. */
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return error_set(err, errno, "%s", so_far);
	return beneath_open(dirfd, so_far, O_PATH | O_DIRECTORY, 0, &want, err);
}

int beneath_mkdir(int dirfd, const char *path, mode_t mode, bool follow, struct error *err)
{
	_cleanup_free_ char *so_far = strdup(path);
	_cleanup_close_ int fd = -1;
	struct error own = { 0 };
	char *p = so_far;

	if (!so_far)
		return error_set(err, ENOMEM, "%s", path);
	for (size_t n = strlen(p); n > 1 && p[n - 1] == '/'; n--)
		p[n - 1] = '\0';
	/* from the first component on: each prefix is resolved anew, since links among them may lead anywhere below the
	 * root */
	while (*p) {
		char *name, *end, next;
		int made;

		while (*p == '/')
			p++;
		name = p;
		end = p + strcspn(p, "/");
		next = *end;
		*end = '\0';
		made = open_or_make(dirfd, *so_far ? so_far : "/", name, mode, follow, &own);
		if (made < 0)
			return error_move(err, &own);
		if (fd >= 0)
			close(fd);
		fd = made;
		*end = next;
		p = end;
	}
	if (fd < 0)
		fd = beneath_open(dirfd, ".", O_PATH | O_DIRECTORY, 0,
				  &(struct beneath_want){
					  .type = S_IFDIR, .owner = BENEATH_ANY_OWNER, .follow = follow },
				  err);
	return steal_fd(&fd);
}

int beneath_read(int dirfd, const char *path, size_t max, const struct beneath_want *want, struct buf *out,
		 struct error *err)
{
	_cleanup_close_ int fd = beneath_open(dirfd, path, O_RDONLY, 0, want, err);

	return fd < 0 ? -1 : file_read_fd(fd, path, max, out, err);
}

int beneath_socket(int dirfd, const char *path, struct beneath_want want, struct sockaddr_un *address,
		   struct error *err)
{
	int fd;

	want.type = S_IFSOCK;
	fd = beneath_open(dirfd, path, O_PATH, 0, &want, err);
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (fd >= 0)
		beneath_fd_path(address->sun_path, fd);
	return fd;
}

/* --- the machine's own paths --------------------------------------------------------------------------------- */

enum { LINKS_MAX = 40 };

enum last {
	LAST_DIRECTORY,
	LAST_ANY,
	LAST_NOT, /* is not walked into */
};

struct walk {
	const char *path;        /* for messages */
	char *left;              /* what is still to be walked, on the heap */
	int fd;                  /* where we are */
	dev_t root;              /* the root's file system */
	char name[NAME_MAX + 1]; /* the component that is walked */
	unsigned links;
};

static void walk_clear(struct walk *w)
{
	cleanup_close(&w->fd);
	free(w->left);
}

static void walk_to(struct walk *w, int fd)
{
	cleanup_close(&w->fd);
	w->fd = fd;
}

static int walk_begin(struct walk *w, struct error *err)
{
	static const char run[] = "/var/run";
	const char *path = w->path;
	struct stat st;

	if (strncmp(path, run, sizeof(run) - 1) == 0 && (!path[sizeof(run) - 1] || path[sizeof(run) - 1] == '/'))
		path += strlen("/var");
	w->left = strdup(path);
	w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!w->left || w->fd < 0 || fstat(w->fd, &st) < 0)
		return error_set(err, errno, "%s", w->path);
	w->root = st.st_dev;
	return 0;
}

/* 1: there is one in w->name, 0: there is none, -1. */
static int walk_next(struct walk *w, bool *is_last, struct error *err)
{
	char *p = w->left + strspn(w->left, "/");
	size_t n = strcspn(p, "/");

	if (n > NAME_MAX)
		return error_set(err, ENAMETOOLONG, "%s", w->path);
	memcpy(w->name, p, n);
	w->name[n] = '\0';
	p += n;
	p += strspn(p, "/");
	*is_last = !*p;
	memmove(w->left, p, strlen(p) + 1);
	return n > 0;
}

/* The link's target takes the place of its name. */
static int walk_link(struct walk *w, int link, struct error *err)
{
	char target[PATH_MAX], *left;
	struct stat st;
	ssize_t n;

	if (fstat(w->fd, &st) < 0)
		return error_set(err, errno, "%s", w->path);
	if (st.st_dev != w->root)
		return error_say(err, ELOOP, "%s: %s is a link that a container may have made: it is not followed",
				 w->path, w->name);
	n = readlinkat(link, "", target, sizeof(target) - 1);
	if (n < 0 || ++w->links > LINKS_MAX)
		return error_set(err, n < 0 ? errno : ELOOP, "%s", w->path);
	target[n] = '\0';
	if (target[0] == '/') {
		int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (root < 0)
			return error_set(err, errno, "%s", w->path);
		walk_to(w, root);
	}
	if (asprintf(&left, "%s/%s", target, w->left) < 0)
		return error_set(err, ENOMEM, "%s", w->path);
	free(w->left);
	w->left = left;
	return 0;
}

static int walk_step(struct walk *w, bool is_last, enum last last, mode_t mode, struct error *err)
{
	_cleanup_close_ int next = openat(w->fd, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (next < 0 && errno == ENOENT && mode) {
		if (mkdirat(w->fd, w->name, mode) < 0 && errno != EEXIST)
			return error_set(err, errno, "%s", w->path);
		next = openat(w->fd, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (next < 0 || fstat(next, &st) < 0)
		return error_set(err, errno, "%s", w->path);
	if (S_ISLNK(st.st_mode))
		return walk_link(w, next, err);
	if (!S_ISDIR(st.st_mode) && !(is_last && last == LAST_ANY))
		return error_set(err, ENOTDIR, "%s", w->path);
	walk_to(w, steal_fd(&next));
	return 0;
}

static int walk_run(const char *path, enum last last, mode_t mode, char *name, struct error *err)
{
	_cleanup_(walk_clear) struct walk w = { .path = path, .fd = -1 };
	bool is_last = false;
	int r;

	if (walk_begin(&w, err) < 0)
		return -1;
	while ((r = walk_next(&w, &is_last, err)) > 0) {
		if (is_last && last == LAST_NOT) {
			strcpy(name, w.name);
			return steal_fd(&w.fd);
		}
		if (walk_step(&w, is_last, last, mode, err) < 0)
			return -1;
	}
	if (r < 0)
		return -1;
	if (name)
		*name = '\0';
	return steal_fd(&w.fd);
}

int beneath_machine_dir(const char *path, mode_t mode, struct error *err)
{
	return walk_run(path, LAST_DIRECTORY, mode, NULL, err);
}

int beneath_machine_any(const char *path, struct error *err)
{
	return walk_run(path, LAST_ANY, 0, NULL, err);
}

int beneath_machine_parent(const char *path, mode_t mode, char *name, struct error *err)
{
	return walk_run(path, LAST_NOT, mode, name, err);
}
