#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "io.h"
#include "state_private.h"
#include "str.h"

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
	if (!(st.st_mode & S_ISVTX) && (faccessat(fd, STATE_MAC, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || dir_empty(fd)))
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

static int lock_taken_say(struct state *s, struct error *err)
{
	_cleanup_free_ char *title = state_title(s->dir), *process = NULL;
	uint64_t start;
	pid_t pid = state_lock_holder(s->lock, &start);

	s->made = false; /* it is the other's */
	process = pid > 0 ? str_format(" (process %d)", (int)pid) : NULL;
	return error_set(err, 0, "a machine runs from %s%s: `pith stop %s` ends it, --state names another place",
			 s->dir, process ? process : "", title ? title : s->dir);
}

static int lock_take(struct state *s, struct error *err)
{
	int r;

	s->lock = state_lock_look(s->fd, err);
	if (s->lock < 0)
		return error_wrap(err, "%s", s->dir);
	r = state_lock_taken(s->lock, err);
	if (r > 0)
		return lock_taken_say(s, err);
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
	if (dir_open(s, err) == 0 && lock_take(s, err) == 0)
		return 0;
	state_undo(s);
	s->made = false;
	return -1;
}

int state_claim(struct state *s, struct error *err)
{
	return state_lock_record(s->lock, err) < 0 ? error_wrap(err, "%s", s->dir) : 0;
}

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
