#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "str.h"

static const struct beneath_want directory = { .type = S_IFDIR, .owner = BENEATH_ANY_OWNER };

static int stage_remove(const struct tree *t, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/" TREE_STAGE, t->path);

	return path ? dir_remove(path, err) : error_set(err, ENOMEM, "%s", t->path);
}

static int dir_open(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int tree_begin(struct tree *t, const char *path, struct error *err)
{
	_cleanup_close_ int found = -1;

	t->path = path;
	if (dir_make(path, 0755, err) < 0)
		return -1;
	found = beneath_machine_dir(path, 0, err);
	if (found < 0)
		return -1;
	t->dir = dir_open(found, ".");
	if (t->dir < 0 || fchmod(t->dir, 0755) < 0)
		return error_set(err, errno, "%s", path);
	if (flock(t->dir, LOCK_EX | LOCK_NB) < 0)
		return error_say(err, EBUSY, "%s: another metadata program is writing there", path);
	if (stage_remove(t, err) < 0)
		return -1;
	if (mkdirat(t->dir, TREE_STAGE, 0700) < 0)
		return error_set(err, errno, "%s/" TREE_STAGE, path);
	t->stage = dir_open(t->dir, TREE_STAGE);
	return t->stage < 0 ? error_set(err, errno, "%s/" TREE_STAGE, path) : 0;
}

void tree_close(struct tree *t)
{
	if (t->stage >= 0) {
		close(t->stage);
		stage_remove(t, NULL); /* what cannot be removed now is removed by the next one */
	}
	if (t->dir >= 0)
		close(t->dir);
	t->dir = t->stage = -1;
}

/* --- into the folder of the program's own ------------------------------------------------------------------------- */

/* The directory that the path's last component goes into, made where it is missing. */
static int parent_open(const struct tree *t, const char *path, const char **name, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");

	*name = slash ? slash + 1 : path;
	if (!parent)
		return error_set(err, ENOMEM, "%s", path);
	return slash ? beneath_mkdir(t->stage, parent, 0755, false, err)
		     : beneath_open(t->stage, parent, O_PATH | O_DIRECTORY, 0, &directory, err);
}

static int file_fill(int fd, const struct sink_file *f)
{
	if (io_write(fd, f->data, f->n) < 0)
		return -1;
	return f->uid != SINK_ROOT || f->gid != SINK_ROOT ? fchown(fd, f->uid, f->gid) : 0;
}

int tree_file(struct tree *t, const struct sink_file *f, struct error *err)
{
	const char *name;
	_cleanup_close_ int parent = parent_open(t, f->path, &name, err), fd = -1;
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (f->append ? O_APPEND : O_EXCL);

	if (parent < 0)
		return -1;
	if (!f->append && unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return error_set(err, errno, "%s", f->path);
	fd = openat(parent, name, flags, f->mode);
	if (fd < 0)
		return error_set(err, errno, "%s", f->path);
	if (file_fill(fd, f) < 0) {
		error_set(err, errno, "%s", f->path);
		unlinkat(parent, name, 0); /* a part of it must not get to its place */
		return -1;
	}
	return 0;
}

int tree_dir(struct tree *t, const char *path, mode_t mode, struct error *err)
{
	const char *name;
	_cleanup_close_ int parent = parent_open(t, path, &name, err), fd = -1;

	if (parent < 0)
		return -1;
	/* whatever the mode says, root goes on writing there without a capability for it */
	if (mkdirat(parent, name, mode | 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return error_set(err, errno, "%s", path);
	fd = beneath_open(parent, name, O_PATH | O_DIRECTORY, 0, &directory, err);
	return fd < 0 ? -1 : 0;
}

/* --- to its place ------------------------------------------------------------------------------------------------- */

struct commit {
	void (*say)(void *data, const char *what, const char *why);
	void *data;
};

static void level_move(const struct commit *c, int from, int to, const char *path, unsigned level);

static void dir_merge(const struct commit *c, int from, int to, const char *name, const char *path, unsigned level)
{
	_cleanup_close_ int source = dir_open(from, name), target = dir_open(to, name);

	if (source < 0 || target < 0) {
		c->say(c->data, path, strerror(errno));
		return;
	}
	level_move(c, source, target, path, level);
	unlinkat(from, name, AT_REMOVEDIR); /* what is left in it was refused, and goes with the rest */
}

static void entry_move(const struct commit *c, int from, int to, const char *name, const char *path, unsigned level)
{
	struct stat source, target;

	if (fstatat(from, name, &source, AT_SYMLINK_NOFOLLOW) < 0) {
		c->say(c->data, path, strerror(errno));
		return;
	}
	if (fstatat(to, name, &target, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (S_ISDIR(source.st_mode) || S_ISDIR(target.st_mode))) {
		if (S_ISDIR(source.st_mode) && S_ISDIR(target.st_mode))
			dir_merge(c, from, to, name, path, level);
		else
			c->say(c->data, path,
			       S_ISDIR(target.st_mode) ? "a directory is there"
						       : "something else than a directory is there");
		return;
	}
	if (renameat(from, name, to, name) < 0)
		c->say(c->data, path, strerror(errno));
}

static void level_move(const struct commit *c, int from, int to, const char *path, unsigned level)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **names = dir_names(from, ".", true, &err);

	if (!names)
		c->say(c->data, *path ? path : ".", error_text(&err));
	for (char **n = names; n && *n; n++) {
		_cleanup_free_ char *below = str_format("%s%s%s", path, *path ? "/" : "", *n);

		if (level == 0 && str_eq(*n, TREE_PROVIDER))
			continue;
		entry_move(c, from, to, *n, below ? below : *n, level + 1);
	}
}

int tree_commit(struct tree *t, void (*say)(void *data, const char *what, const char *why), void *data,
		struct error *err)
{
	const struct commit c = { say, data };

	if (unlinkat(t->dir, TREE_PROVIDER, 0) < 0 && errno != ENOENT)
		return error_set(err, errno, "%s/" TREE_PROVIDER, t->path);
	level_move(&c, t->stage, t->dir, "", 0);
	if (renameat(t->stage, TREE_PROVIDER, t->dir, TREE_PROVIDER) < 0 && errno != ENOENT)
		return error_set(err, errno, "%s/" TREE_PROVIDER, t->path);
	return 0;
}
