/* Links inside a root: walked as a program in that root would walk them.
 *
 * Layers and images are merged as unpackers merge them: a path goes through the links that lower layers have put there
 * (every Debian has /lib -> usr/lib), never out of the root. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tree.h"
#include "tree_private.h"

enum { LINKS_MAX = 40 }; /* as the kernel has it */

bool name_is(const char *name, size_t len, const char *what)
{
	return len == strlen(what) && memcmp(name, what, len) == 0;
}

static struct tree_node *follow_fail(const struct follow *f, struct error *err, int code, const char *why)
{
	error_say(err, code, "%.200s: %s", f->path, why);
	return NULL;
}

/* One name of a path. NULL: it cannot be. */
static struct tree_node *links_step(struct follow *f, struct tree_node *dir, const char *name, size_t len,
				    struct error *err)
{
	struct tree_node *child;

	if (name_is(name, len, "."))
		return dir;
	if (name_is(name, len, ".."))
		return dir == f->root ? dir : dir->parent;
	if (!node_is_dir(dir))
		return follow_fail(f, err, ENOTDIR, "a symbolic link on the way leads through no directory");
	if (len > TREE_NAME_MAX)
		return follow_fail(f, err, ENAMETOOLONG,
				   "a symbolic link on the way has a name of more than 255 bytes");
	child = node_child(f->tree, dir, name, len);
	if (!child && f->make)
		child = follow_make(f, dir, name, len, err);
	else if (!child)
		follow_fail(f, err, ENOENT, "no such file or directory");
	return child && child->inode->type == TREE_SYMLINK ? links_follow(f, child, err) : child;
}

struct tree_node *links_walk(struct follow *f, struct tree_node *dir, const char *path, struct error *err)
{
	for (;;) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len || !dir)
			return dir;
		dir = links_step(f, dir, path, len, err);
		path += len;
	}
}

struct tree_node *links_follow(struct follow *f, const struct tree_node *link, struct error *err)
{
	const char *target = link->inode->target;

	if (f->links++ == LINKS_MAX)
		return follow_fail(f, err, ELOOP, "too many symbolic links on the way");
	if (f->counts && tree_take_text(f->tree, strlen(target), f->path, err) < 0)
		return NULL;
	return links_walk(f, target[0] == '/' ? f->root : link->parent, target, err);
}

struct tree_node *tree_resolve(const struct tree *t, const char *root, const char *path)
{
	struct tree_node *top = tree_find(t, root);
	struct follow f = { .tree = (struct tree *)t, .root = top, .path = path };

	return top ? links_walk(&f, top, path, NULL) : NULL;
}

struct tree_node *follow_make(const struct follow *f, struct tree_node *dir, const char *name, size_t len,
			      struct error *err)
{
	size_t text = node_path_len(f->tree->root, dir) + len;

	if (text > TREE_PATH_MAX) {
		error_say(err, ENAMETOOLONG, "%.200s: path of more than %d bytes behind a symbolic link", f->path,
			  TREE_PATH_MAX);
		return NULL;
	}
	return node_add_implied(f->tree, dir, f->path, text, name, len, f->stamp, err);
}
