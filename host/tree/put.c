/* Putting things at a path. Every entry comes this way: entries.c adds single ones by tree_put(), layer.c members of
 * archives by layer_put(). The difference is in the parents: a single entry refuses a parent that is a link, a member
 * goes where the link leads, as unpackers do it.
 *
 *   put_at()  parents_walk()  the directory that holds the last name; missing ones are made (parent_enter)
 *             way_make()      a link over a directory: its children move to where the link leads (fold.c)
 *             node_replace()  the new node takes the place of the old one
 *
 * A directory over a directory is no replacement: it takes the new metadata and keeps its children. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree_private.h"

static int parent_refuse(const struct tree_node *node, const char *path, struct error *err)
{
	_cleanup_free_ char *parent = tree_path(node);

	return error_say(err, ENOTDIR, "%.200s: its parent %s is %s", path, parent ? parent : node->name,
			 node->inode->type == TREE_SYMLINK ? "a symbolic link" : "no directory");
}

/* How something is put into a tree. */
struct place {
	const char *path;
	uint16_t stamp;
	bool follow; /* links among the parents, inside the tree; else they are refused */
	/* filled by parents_walk(): the last name, len 0 for the root itself */
	const char *name;
	size_t len;
};

/* The directory of that name, made where it is missing. */
static struct tree_node *parent_enter(struct tree *t, struct tree_node *dir, struct place *p, struct follow *f,
				      struct error *err)
{
	struct tree_node *child = node_child(t, dir, p->name, p->len);
	size_t before = (size_t)(p->name - p->path) + p->len;

	if (!child && f->links)
		return follow_make(f, dir, p->name, p->len, err);
	if (!child)
		return node_add_implied(t, dir, p->path, before, p->name, p->len, p->stamp, err);
	if (p->follow && child->inode->type == TREE_SYMLINK)
		child = links_follow(f, child, err);
	if (child && !node_is_dir(child)) {
		parent_refuse(child, p->path, err);
		return NULL;
	}
	return child;
}

/* Walks to the directory that holds (or will hold) the last name of the path. */
static struct tree_node *parents_walk(struct tree *t, struct place *place, struct error *err)
{
	struct follow f = {
		.tree = t, .root = t->root, .path = place->path, .make = true, .counts = true, .stamp = place->stamp
	};
	struct tree_node *dir = t->root;
	const char *p = place->path, *next;
	size_t next_len;

	place->name = "";
	place->len = 0;
	if (path_check(place->path, err) < 0)
		return NULL;
	while (path_next(&p, &next, &next_len) > 0) {
		dir = place->len ? parent_enter(t, dir, place, &f, err) : dir;
		if (!dir)
			return NULL;
		place->name = next;
		place->len = next_len;
	}
	/* a link may have led far down */
	if (f.links && node_path_len(t->root, dir) + place->len > TREE_PATH_MAX) {
		error_say(err, ENAMETOOLONG, "%.200s: path of more than %d bytes behind a symbolic link", place->path,
			  TREE_PATH_MAX);
		return NULL;
	}
	return dir;
}

struct tree_node *tree_make_dir(struct tree *t, const char *path, struct error *err)
{
	struct place place = { .path = path };
	struct follow f = { 0 };
	struct tree_node *dir = parents_walk(t, &place, err);

	return dir && place.len ? parent_enter(t, dir, &place, &f, err) : dir;
}

/* A node with this inode in the place of the old one (`there`, may be NULL). */
static struct tree_node *node_replace(struct tree *t, struct tree_node *dir, const struct place *p,
				      struct tree_node *there, struct tree_inode *inode, struct error *err)
{
	struct tree_node *node;

	if (there)
		node_remove(t, there);
	node = tree_take_node(t, p->path, err) == 0 ? node_new(p->name, p->len, inode, err) : NULL;
	if (!node)
		return NULL;
	node->stamp = p->stamp;
	node_attach(t, dir, node);
	return node;
}

/* A symbolic link in place of a directory: what its own layer has put there goes where the link leads. Lower layers'
 * files are gone, as the specification has it. Of two files with one name unpackers keep the one behind the link. */
static int way_make(struct tree *t, struct tree_node **there, const struct place *p, const char *target,
		    struct error *err)
{
	struct fold fold = { .tree = t, .root = t->root, .dir = *there, .first_wins = true };

	if (p->stamp && node_prune(t, *there, p->stamp)) {
		*there = NULL;
		return 0;
	}
	return (*there)->children ? fold_dir(&fold, target, p->stamp, err) : 0;
}

static struct tree_node *put_at(struct tree *t, struct place *p, struct tree_inode *inode, struct error *err)
{
	struct tree_node *dir = parents_walk(t, p, err), *node;

	if (!dir)
		return NULL;
	if (!p->len && inode->type != TREE_DIR) {
		error_say(err, EINVAL, "the root of the tree cannot be anything but a directory");
		return NULL;
	}
	if (tree_take_text(t, strlen(p->path), p->path, err) < 0)
		return NULL;
	node = p->len ? node_child(t, dir, p->name, p->len) : dir;
	inode->origin = t->origin;
	if (node && node->inode == inode)
		return node;
	if (node && node_is_dir(node) && inode->type == TREE_DIR) {
		inode_drop_name(node->inode);
		node->inode = inode;
		inode->names++;
		node->stamp = p->stamp;
		return node;
	}
	if (node && p->follow && node_is_dir(node) && inode->type == TREE_SYMLINK &&
	    way_make(t, &node, p, inode->target, err) < 0)
		return NULL;
	return node_replace(t, dir, p, node, inode, err);
}

static struct tree_node *put_or_free(struct tree *t, struct place *p, struct tree_inode *inode, struct error *err)
{
	struct tree_node *node = put_at(t, p, inode, err);

	if (!node)
		inode_free(inode);
	return node;
}

struct tree_node *tree_put(struct tree *t, const char *path, struct tree_inode *inode, struct error *err)
{
	struct place p = { .path = path };

	return put_or_free(t, &p, inode, err);
}

struct tree_node *layer_put(struct tree *t, const char *path, struct tree_inode *inode, uint16_t stamp,
			    struct error *err)
{
	struct place p = { .path = path, .stamp = stamp, .follow = true };

	return put_or_free(t, &p, inode, err);
}

/* What a hard link's target names; its parents may be links, itself is not followed. */
static struct tree_node *link_target(struct tree *t, const char *path, bool follow)
{
	struct follow f = { .tree = t, .root = t->root, .path = path, .counts = true };
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	struct tree_node *dir;

	if (!follow || !parent)
		return tree_find(t, path);
	dir = links_walk(&f, t->root, parent, NULL);
	return dir && slash[1] ? node_child(t, dir, slash + 1, strlen(slash + 1)) : NULL;
}

static struct tree_node *put_link(struct tree *t, struct place *p, const char *existing, struct error *err)
{
	const char *path = p->path;
	struct tree_node *target, *node;
	struct tree_inode *inode;

	if (path_check(path, err) < 0)
		return NULL;
	if (path_check(existing, err) < 0) {
		error_wrap(err, "%.200s: hard link to", path);
		return NULL;
	}
	if (tree_take_text(t, strlen(existing), path, err) < 0)
		return NULL;
	target = link_target(t, existing, p->follow);
	if (!target || node_is_dir(target)) {
		error_say(err, target ? EISDIR : ENOENT, "%.200s: hard link to %.200s, which %s", path, existing,
			  target ? "is a directory" : "does not exist");
		return NULL;
	}
	inode = target->inode;
	/* putting may remove the target's own node when it is below the path */
	inode->names++;
	node = put_at(t, p, inode, err);
	inode_drop_name(inode);
	return node;
}

struct tree_node *tree_put_link(struct tree *t, const char *path, const char *existing, struct error *err)
{
	struct place p = { .path = path };

	return put_link(t, &p, existing, err);
}

struct tree_node *layer_put_link(struct tree *t, const char *path, const char *existing, uint16_t stamp,
				 struct error *err)
{
	struct place p = { .path = path, .stamp = stamp, .follow = true };

	return put_link(t, &p, existing, err);
}
