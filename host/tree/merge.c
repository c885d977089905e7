/* One tree over another. Nodes are moved, not copied. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"
#include "tree_private.h"

struct merge {
	struct tree *to;
	tree_filter_fn *filter;
	void *data;
	char path[TREE_PATH_MAX + 1 + TREE_NAME_MAX + 1];
	size_t path_len;
};

static int verdict(struct merge *m, struct tree_node *node, struct error *err)
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

/* The node is in no directory any more; it is attached to `to` or freed here. */
static int merge_file(struct merge *m, struct tree_node *to, struct tree_node *node, struct tree_node *there,
		      struct error *err)
{
	int v = verdict(m, node, err);

	if (v != TREE_KEEP) {
		node_free_all(node);
		return v < 0 ? -1 : 0;
	}
	if (there)
		node_remove(m->to, there);
	node_attach(m->to, to, node);
	return 0;
}

static int merge_dir(struct merge *m, struct tree_node *to, struct tree_node *node, struct tree_node *there,
		     struct error *err)
{
	static const struct tree_meta blank = { .mode = 0755 };
	int v = verdict(m, node, err), r;
	bool described = v == TREE_KEEP && !node->inode->implied;

	if (v < 0 || (v == TREE_DROP && !node->children)) {
		node_free_all(node);
		return v < 0 ? -1 : 0;
	}
	if (there && !node_is_dir(there)) {
		node_remove(m->to, there);
		there = NULL;
	}
	if (there) {
		if (described)
			move_inode(there, node);
		r = merge_children(m, there, node, err);
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

	if (m->path_len + node->name_len + 1 > TREE_PATH_MAX) {
		node_free_all(node);
		return error_say(err, EINVAL, "%.200s...: path of more than %d bytes", m->path, TREE_PATH_MAX);
	}
	return node_is_dir(node) ? merge_dir(m, to, node, there, err) : merge_file(m, to, node, there, err);
}

/* Empties `from`, also on failure. */
static int merge_children(struct merge *m, struct tree_node *to, struct tree_node *from, struct error *err)
{
	size_t count, before = m->path_len;
	_cleanup_free_ struct tree_node **list = node_sorted_children(from, &count);
	int r = 0;

	if (!list)
		return error_set(err, ENOMEM, "file tree");
	from->children = NULL;
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
	return r;
}

int tree_merge(struct tree *t, const char *prefix, struct tree *from, tree_filter_fn *filter, void *data,
	       struct error *err)
{
	struct tree_node *to = tree_make_dir(t, prefix, 0, err);
	struct merge m = { .to = t, .filter = filter, .data = data };
	int v, r;

	if (!to)
		return -1;
	v = verdict(&m, from->root, err);
	if (v < 0)
		return -1;
	if (v == TREE_KEEP && !from->root->inode->implied)
		move_inode(to, from->root);
	r = merge_children(&m, to, from->root, err);
	memset(from->buckets, 0, from->bucket_count * sizeof(from->buckets[0]));
	from->node_count = 0;
	return r;
}
