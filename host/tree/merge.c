/* One tree over another. Nodes are moved, not copied.
 *
 * Images that are put into one root disagree on which names are directories and which are links (Debian's /lib is a
 * link to usr/lib, the kernel's archive has files in lib/modules). The link stays, and the files of both are where it
 * leads. What is there already is moved before anything of the new tree is put in, so that the new tree's files win. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"
#include "tree_private.h"

struct merge {
	struct tree *to;
	struct tree_node *root; /* in `to`: the directory that the new tree is merged into */
	tree_filter_fn *filter;
	void *data;
	char path[TREE_PATH_MAX + 1 + TREE_NAME_MAX + 1]; /* in the new tree, as the filter gets it */
	size_t path_len;
	size_t to_len; /* of the path in `to` of the directory that is being merged into */
};

/* Marks a directory that is being merged into, with all above it: a link may lead back to where one of them would be
 * replaced. */
static void dir_mark_busy(struct tree_node *dir, int by)
{
	for (; dir; dir = dir->parent)
		dir->busy = (uint16_t)(dir->busy + by);
}

static int merge_ask(struct merge *m, struct tree_node *node, struct error *err)
{
	return m->filter ? m->filter(m->data, m->path, node, err) : TREE_KEEP;
}

/* Gives a directory the metadata of another, which loses it. */
static void move_inode(struct tree_node *to, struct tree_node *from)
{
	struct tree_inode *old = to->inode;

	to->inode = from->inode;
	from->inode = old;
}

static int merge_children(struct merge *m, struct tree_node *to, struct tree_node *from, struct error *err);

/* What a node is about to count for in its new tree. */
static int merge_take(struct merge *m, const struct tree_node *node, const struct tree_node *there, struct error *err)
{
	const struct tree_inode *inode = node->inode;
	uint64_t text = m->to_len + 1 + node->name_len + xattrs_text(inode->xattrs) +
		(inode->type == TREE_SYMLINK ? strlen(inode->target) : 0);

	if (!there && tree_take_node(m->to, m->path, err) < 0)
		return -1;
	return tree_take_text(m->to, text, m->path, err);
}

/* Where a link of the target leads inside the root, when that is a directory. */
static struct tree_node *link_led_to(const struct merge *m, const struct tree_node *link)
{
	struct follow f = { .tree = m->to, .root = m->root, .path = m->path };
	struct tree_node *dir = link->inode->type == TREE_SYMLINK ? links_follow(&f, link, NULL) : NULL;

	return dir && node_is_dir(dir) ? dir : NULL;
}

/* A directory of the target gives way to something else. */
static int dir_make_way(struct merge *m, struct tree_node *there, const struct tree_inode *inode, struct error *err)
{
	struct fold fold = { .tree = m->to, .root = m->root, .dir = there };
	_cleanup_free_ char *path = NULL;

	if (!there->busy && !there->children)
		return 0;
	if (!there->busy && inode->type == TREE_SYMLINK)
		return fold_dir(&fold, inode->target, 0, err);
	path = tree_path(there);
	if (there->busy)
		return error_say(err, ELOOP, "%.200s: it would replace a directory that it is put into",
				 path ? path : there->name);
	return error_say(err, EEXIST, "%.200s: a directory with files in it would be replaced by what is none",
			 path ? path : there->name);
}

/* The node is in no directory any more; it is attached to `to` or freed here. */
static int merge_file(struct merge *m, struct tree_node *to, struct tree_node *node, struct tree_node *there,
		      struct error *err)
{
	int v = merge_ask(m, node, err);

	if (v == TREE_KEEP && there && dir_make_way(m, there, node->inode, err) < 0)
		v = -1;
	if (v != TREE_KEEP) {
		node_free_all(node);
		return v < 0 ? -1 : 0;
	}
	if (there)
		node_remove(m->to, there);
	node->inode->origin = m->to->origin;
	node_attach(m->to, to, node);
	return 0;
}

static int merge_dir(struct merge *m, struct tree_node *to, struct tree_node *node, struct tree_node *there,
		     struct error *err)
{
	static const struct tree_meta blank = { .mode = 0755 };
	struct tree_node *led;
	int v = merge_ask(m, node, err), r;
	bool described = v == TREE_KEEP && !node->inode->implied;

	node->inode->origin = m->to->origin;

	if (v < 0 || (v == TREE_DROP && !node->children)) {
		node_free_all(node);
		return v < 0 ? -1 : 0;
	}
	led = there ? link_led_to(m, there) : NULL;
	if (there && !node_is_dir(there) && !led) {
		node_remove(m->to, there);
		there = NULL;
	}
	if (there) {
		if (described && !led)
			move_inode(there, node);
		r = merge_children(m, led ? led : there, node, err);
		node_free_all(node);
		return r;
	}
	if (!described && !node->inode->implied) {
		struct tree_inode *inode = inode_new(TREE_DIR, &blank, err);

		if (!inode) {
			node_free_all(node);
			return -1;
		}
		inode->implied = true;
		inode->origin = m->to->origin;
		inode->names = 1;
		node->inode->names--;
		inode_free(node->inode);
		node->inode = inode;
	}
	/* its children are attached one by one, so that the filter sees each */
	struct tree_node rest = { .children = node->children, .inode = node->inode };

	node->children = NULL;
	node_attach(m->to, to, node);
	r = merge_children(m, node, &rest, err);
	if (r == 0 && v == TREE_DROP && !node->children)
		node_remove(m->to, node);
	return r;
}

static int merge_child(struct merge *m, struct tree_node *to, struct tree_node *node, struct error *err)
{
	struct tree_node *there = node_child(m->to, to, node->name, node->name_len);

	if (m->to_len + 1 + node->name_len > TREE_PATH_MAX) {
		node_free_all(node);
		return error_say(err, EINVAL, "%.200s...: path of more than %d bytes", m->path, TREE_PATH_MAX);
	}
	if (merge_take(m, node, there, err) < 0) {
		node_free_all(node);
		return -1;
	}
	return node_is_dir(node) ? merge_dir(m, to, node, there, err) : merge_file(m, to, node, there, err);
}

/* Empties `from`, also on failure. */
static int merge_children(struct merge *m, struct tree_node *to, struct tree_node *from, struct error *err)
{
	size_t count, before = m->path_len, to_before = m->to_len;
	_cleanup_free_ struct tree_node **list = node_sorted_children(from, &count);
	int r = 0;

	if (!list)
		return error_set(err, ENOMEM, "file tree");
	from->children = NULL;
	m->to_len = node_path_len(m->to->root, to);
	dir_mark_busy(to, 1);
	for (size_t i = 0; i < count; i++) {
		if (r < 0) {
			node_free_all(list[i]);
			continue;
		}
		if (before)
			m->path[m->path_len++] = '/';
		memcpy(m->path + m->path_len, list[i]->name, list[i]->name_len + 1U);
		m->path_len += list[i]->name_len;
		r = merge_child(m, to, list[i], err);
		m->path_len = before;
		m->path[before] = 0;
	}
	dir_mark_busy(to, -1);
	m->to_len = to_before;
	return r;
}

/* --- before that --- */

/* The link takes its place now; the new tree's own replaces it later. */
static int fold_early(struct merge *m, struct tree_node *there, const struct tree_node *link, struct error *err)
{
	static const struct tree_meta meta = { .mode = 0777 };
	_cleanup_free_ char *path = tree_path(there);
	struct tree_node *node;

	if (!path)
		return error_set(err, ENOMEM, "file tree");
	if (dir_make_way(m, there, link->inode, err) < 0)
		return -1;
	node_remove(m->to, there);
	node = tree_add_symlink(m->to, path, &meta, link->inode->target, err);
	return node ? 0 : -1;
}

/* Directories of the target that the new tree turns into links. */
static int fold_all(struct merge *m, struct tree_node *to, const struct tree_node *from, struct error *err)
{
	size_t count;
	_cleanup_free_ struct tree_node **list = node_sorted_children(from, &count);
	int r = 0;

	if (!list)
		return error_set(err, ENOMEM, "file tree");
	dir_mark_busy(to, 1);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct tree_node *there = node_child(m->to, to, list[i]->name, list[i]->name_len), *led;

		if (!there)
			continue;
		if (list[i]->inode->type == TREE_SYMLINK && there->children) {
			r = fold_early(m, there, list[i], err);
			continue;
		}
		led = node_is_dir(list[i]) ? node_is_dir(there) ? there : link_led_to(m, there) : NULL;
		if (led)
			r = fold_all(m, led, list[i], err);
	}
	dir_mark_busy(to, -1);
	return r;
}

int tree_merge(struct tree *t, const char *prefix, struct tree *from, tree_filter_fn *filter, void *data,
	       struct error *err)
{
	struct tree_node *to = tree_make_dir(t, prefix, err);
	struct merge m = { .to = t, .filter = filter, .data = data };
	int v, r;

	if (!to)
		return -1;
	m.root = to;
	v = merge_ask(&m, from->root, err);
	if (v < 0 || fold_all(&m, to, from->root, err) < 0)
		return -1;
	from->root->inode->origin = t->origin;
	if (v == TREE_KEEP && !from->root->inode->implied)
		move_inode(to, from->root);
	r = merge_children(&m, to, from->root, err);
	memset(from->buckets, 0, from->bucket_count * sizeof(from->buckets[0]));
	from->node_count = 0;
	return r;
}
