/* A directory that gives way to a symbolic link: its children move to where the link leads, so that a merge loses
 * nothing (Debian's /lib is a link to usr/lib, a kernel's archive has files in lib/modules).
 *
 *   fold_dir()
 *     links_walk()      where the link leads; missing directories are made
 *     links_move()      a link that moves and climbs out of the directory becomes an absolute one
 *     fold_children()   a name that is free there moves
 *       fold_onto()     two directories become one; of two files the caller says which one stays, or that it is an
 * error
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tree_private.h"

static char *node_path_inside(const struct tree_node *root, const struct tree_node *node)
{
	_cleanup_free_ char *whole = tree_path(node);

	return whole ? strdup(whole + strlen(whole) - (node == root ? 0 : node_path_len(root, node) - 1)) : NULL;
}

static size_t node_longest_below(const struct tree_node *node)
{
	size_t longest = 0;

	for (const struct tree_node *n = node->children; n; n = n->next) {
		size_t len = 1U + n->name_len + node_longest_below(n);

		if (len > longest)
			longest = len;
	}
	return longest;
}

static bool node_inside(const struct tree_node *node, const struct tree_node *dir)
{
	while (node && node != dir)
		node = node->parent;
	return node != NULL;
}

/* Takes one ".." (or ".") off the front of a target. 1: "..", 0: ".", -1: neither. */
static int target_climb(const char **target)
{
	const char *p = *target;
	size_t len = strcspn(p, "/");

	if (!name_is(p, len, ".") && !name_is(p, len, ".."))
		return -1;
	p += len;
	*target = p + strspn(p, "/");
	return len == 2;
}

/* A relative link that climbs out of the directory that moves becomes an absolute one: it would lead elsewhere from the
 * new place. */
static int link_move(const struct fold *f, struct tree_node *link, struct error *err)
{
	const char *rest = link->inode->target;
	const struct tree_node *at = link->parent;
	_cleanup_free_ char *base = NULL;
	bool outside = false;
	char *target;
	int up;

	if (*rest == '/')
		return 0;
	while ((up = target_climb(&rest)) >= 0) {
		outside |= up && at == f->dir;
		if (up && at != f->root)
			at = at->parent;
	}
	if (!outside)
		return 0;
	base = node_path_inside(f->root, at);
	target = base ? str_format("/%s%s%s", base, *base && *rest ? "/" : "", rest) : NULL;
	if (!target)
		return error_set(err, ENOMEM, "file tree");
	if (strlen(target) > TREE_PATH_MAX) {
		free(target);
		return error_say(err, ENAMETOOLONG, "%.200s: symbolic link with too long a target", link->name);
	}
	free(link->inode->target);
	link->inode->target = target;
	return 0;
}

static int links_move(const struct fold *f, struct tree_node *dir, struct error *err)
{
	for (struct tree_node *n = dir->children; n; n = n->next)
		if (n->inode->type == TREE_SYMLINK ? link_move(f, n, err) < 0 : links_move(f, n, err) < 0)
			return -1;
	return 0;
}

/* Two names that lead to one file are no conflict. */
static bool fold_same(const struct fold *f, struct tree_node *a, struct tree_node *b)
{
	struct follow walk = { .tree = f->tree, .root = f->root, .path = "" };
	struct tree_node *x = a->inode->type == TREE_SYMLINK ? links_follow(&walk, a, NULL) : a, *y;

	walk.links = 0;
	y = b->inode->type == TREE_SYMLINK ? links_follow(&walk, b, NULL) : b;
	return x && x == y;
}

static bool links_equal(const struct tree_node *a, const struct tree_node *b)
{
	return a->inode->type == TREE_SYMLINK && b->inode->type == TREE_SYMLINK &&
		str_eq(a->inode->target, b->inode->target);
}

static int fold_refuse(const struct tree_node *a, const struct tree_node *b, struct error *err)
{
	_cleanup_free_ char *x = tree_path(a), *y = tree_path(b);

	return error_say(err, EEXIST, "%.200s and %.200s would be one file", x ? x : a->name, y ? y : b->name);
}

static int fold_children(const struct fold *f, struct tree_node *to, struct tree_node *from, struct error *err);

/* The node is one of those that move, `there` has its name in the new place. */
static int fold_onto(const struct fold *f, struct tree_node *there, struct tree_node *node, struct error *err)
{
	struct tree_node *to = there->parent;
	bool theirs = f->first_wins || links_equal(there, node);

	if (there == f->dir)
		return fold_refuse(node, there, err);
	if (node_is_dir(there) && node_is_dir(node)) {
		if (there->inode->implied && !node->inode->implied) {
			struct tree_inode *inode = there->inode;

			there->inode = node->inode;
			node->inode = inode;
		}
		return fold_children(f, there, node, err);
	}
	if (!theirs && !fold_same(f, there, node))
		return fold_refuse(node, there, err);
	/* of a file and a link to it the file stays */
	if (theirs || node->inode->type == TREE_SYMLINK)
		return 0;
	node_remove(f->tree, there);
	node_detach(f->tree, node);
	node_attach(f->tree, to, node);
	return 0;
}

static int fold_children(const struct fold *f, struct tree_node *to, struct tree_node *from, struct error *err)
{
	struct tree_node *next;

	for (struct tree_node *n = from->children; n; n = next) {
		struct tree_node *there = node_child(f->tree, to, n->name, n->name_len);

		next = n->next;
		if (!there) {
			node_detach(f->tree, n);
			node_attach(f->tree, to, n);
		} else if (fold_onto(f, there, n, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int fold_dir(const struct fold *f, const char *target, uint16_t stamp, struct error *err)
{
	_cleanup_free_ char *path = tree_path(f->dir);
	struct follow walk = {
		.tree = f->tree, .root = f->root, .path = path, .stamp = stamp, .make = true, .counts = true
	};
	struct tree_node *to;
	int r;

	if (!path)
		return error_set(err, ENOMEM, "file tree");
	to = links_walk(&walk, target[0] == '/' ? f->root : f->dir->parent, target, err);
	if (!to || !node_is_dir(to) || node_inside(to, f->dir)) {
		if (to)
			error_say(err, ELOOP, "it leads to %s", node_is_dir(to) ? "itself" : "a file");
		return error_wrap(err, "%.200s is a directory with files in it, and shall be a symbolic link to %.200s",
				  path, target);
	}
	if (node_path_len(f->tree->root, to) + node_longest_below(f->dir) > TREE_PATH_MAX)
		return error_say(err, ENAMETOOLONG, "%.200s: path of more than %d bytes behind %.200s", path,
				 TREE_PATH_MAX, target);
	r = links_move(f, f->dir, err);
	if (r == 0)
		r = fold_children(f, to, f->dir, err);
	return r < 0 ? error_wrap(err, "%.200s shall be a symbolic link to %.200s", path, target) : 0;
}
