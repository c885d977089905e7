/* A directory of the host into a tree. */
#include <dirent.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "str.h"
#include "tree.h"
#include "tree_private.h"

/* Where an inode of the host with several names was seen first. */
struct seen {
	dev_t dev;
	ino_t ino;
	char path[]; /* in the tree */
};

struct take {
	struct tree *tree;
	const struct tree_meta *meta;
	void *seen; /* tsearch(3) */
	dev_t dev;
};

static int by_inode(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The path that the inode has in the tree already; NULL: none, and it is remembered now. -1 in *r without memory. */
static const char *seen_before(struct take *w, const struct stat *st, const char *path, int *r)
{
	struct seen *s = malloc(sizeof(*s) + strlen(path) + 1), **found;

	if (!s || !(*s = (struct seen){ st->st_dev, st->st_ino }, found = tsearch(s, &w->seen, by_inode))) {
		free(s);
		*r = -1;
		return NULL;
	}
	if (*found != s) {
		free(s);
		return (*found)->path;
	}
	strcpy(s->path, path);
	return NULL;
}

static int take_xattrs(struct tree_node *node, const char *host, struct error *err)
{
	char names[4096], value[65536];
	ssize_t n = llistxattr(host, names, sizeof(names));

	if (n < 0)
		return errno == ENOTSUP ? 0 : error_set(err, errno, "%s: extended attributes", host);
	for (char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t len;

		/* labels and ACLs are matters of the host */
		if (!str_starts(name, "user.") && !str_eq(name, "security.capability"))
			continue;
		len = lgetxattr(host, name, value, sizeof(value));
		if (len < 0)
			return error_set(err, errno, "%s: extended attribute %s", host, name);
		if (tree_set_xattr(node, name, value, (size_t)len, err) < 0)
			return -1;
	}
	return 0;
}

static struct tree_meta meta_of(const struct take *w, const struct stat *st)
{
	struct tree_meta m = {
		.mode = st->st_mode & 07777, .uid = st->st_uid, .gid = st->st_gid, .mtime = st->st_mtime
	};

	if (w->meta) {
		m.uid = w->meta->uid;
		m.gid = w->meta->gid;
		m.mtime = w->meta->mtime;
	}
	return m;
}

static struct tree_node *take_symlink(struct take *w, const char *host, const char *path, const struct tree_meta *meta,
				      struct error *err)
{
	char target[TREE_PATH_MAX + 1];
	ssize_t n = readlink(host, target, sizeof(target) - 1);

	if (n < 0) {
		error_set(err, errno, "%s", host);
		return NULL;
	}
	target[n] = 0;
	return tree_add_symlink(w->tree, path, meta, target, err);
}

static struct tree_node *take_one(struct take *w, const char *host, const char *path, const struct stat *st,
				  struct error *err)
{
	struct tree_meta meta = meta_of(w, st);

	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return tree_add_dir(w->tree, path, &meta, err);
	case S_IFREG:
		return tree_add_file(w->tree, path, &meta, host, err);
	case S_IFLNK:
		return take_symlink(w, host, path, &meta, err);
	case S_IFCHR:
	case S_IFBLK:
		return tree_add_special(w->tree, path, &meta, S_ISCHR(st->st_mode) ? TREE_CHAR : TREE_BLOCK,
					major(st->st_rdev), minor(st->st_rdev), err);
	case S_IFIFO:
		return tree_add_special(w->tree, path, &meta, TREE_FIFO, 0, 0, err);
	default:
		error_say(err, EINVAL, "%s is a socket: it cannot be put into an image", host);
		return NULL;
	}
}

static int take_all(struct take *w, const char *host, const char *path, struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *first = NULL;
	struct tree_node *node;
	struct dirent *entry;
	struct stat st;
	int r = 0;

	if (lstat(host, &st) < 0)
		return error_set(err, errno, "%s", host);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		first = seen_before(w, &st, path, &r);
	if (r < 0)
		return error_set(err, ENOMEM, "%s", host);
	if (first)
		return tree_add_link(w->tree, path, first, err) ? 0 : -1;
	node = take_one(w, host, path, &st, err);
	if (!node || take_xattrs(node, host, err) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode) || (w->dev && st.st_dev != w->dev))
		return 0;
	w->dev = st.st_dev;
	dir = opendir(host);
	if (!dir)
		return error_set(err, errno, "%s", host);
	while (errno = 0, (entry = readdir(dir))) {
		_cleanup_free_ char *below = NULL, *to = NULL;

		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		below = str_format("%s/%s", host, entry->d_name);
		to = str_format("%s%s%s", path, *path ? "/" : "", entry->d_name);
		if (!below || !to)
			return error_set(err, ENOMEM, "%s", host);
		if (take_all(w, below, to, err) < 0)
			return -1;
	}
	return errno ? error_set(err, errno, "%s", host) : 0;
}

int tree_add_directory(struct tree *t, const char *prefix, const char *host_path, const struct tree_meta *meta,
		       struct error *err)
{
	struct take w = { .tree = t, .meta = meta };
	int r = take_all(&w, host_path, prefix, err);

	tdestroy(w.seen, free);
	return r;
}
