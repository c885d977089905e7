/* Nodes: the names of a tree. A directory has its children in a list of no order; one table for the whole tree finds a
 * name in a directory. What is put where is decided elsewhere (put.c, merge.c); here it is linked and taken out. */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tree_private.h"

enum { BUCKETS_MIN = 256, ORIGINS_NEAR = 64 };

char *tree_path(const struct tree_node *node)
{
	size_t n = 0;
	char *path, *p;

	for (const struct tree_node *x = node; x->parent; x = x->parent)
		n += x->name_len + 1U;
	path = malloc(n + 1);
	if (!path)
		return NULL;
	p = path + (n ? n - 1 : 0);
	*p = 0;
	for (const struct tree_node *x = node; x->parent; x = x->parent) {
		p -= x->name_len;
		memcpy(p, x->name, x->name_len);
		if (p > path)
			*--p = '/';
	}
	return path;
}

/* --- the table --- */

static size_t name_hash(const struct tree_node *dir, const char *name, size_t len)
{
	uint64_t h = 14695981039346656037ULL ^ (uint64_t)(uintptr_t)dir;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 1099511628211ULL;
	return (size_t)(h ^ h >> 29);
}

static struct tree_node **name_bucket(const struct tree *t, const struct tree_node *dir, const char *name, size_t len)
{
	return &t->buckets[name_hash(dir, name, len) & (t->bucket_count - 1)];
}

struct tree_node *node_child(const struct tree *t, const struct tree_node *dir, const char *name, size_t len)
{
	struct tree_node *n = *name_bucket(t, dir, name, len);

	while (n && (n->parent != dir || n->name_len != len || memcmp(n->name, name, len) != 0))
		n = n->chain;
	return n;
}

/* Without memory the table stays as it is: slower, not wrong. */
static void table_grow(struct tree *t)
{
	size_t count = t->bucket_count * 2;
	struct tree_node **buckets = calloc(count, sizeof(*buckets)), **old = t->buckets;
	size_t old_count = t->bucket_count;

	if (!buckets)
		return;
	t->buckets = buckets;
	t->bucket_count = count;
	for (size_t i = 0; i < old_count; i++)
		for (struct tree_node *n = old[i], *next; n; n = next) {
			struct tree_node **b = name_bucket(t, n->parent, n->name, n->name_len);

			next = n->chain;
			n->chain = *b;
			*b = n;
		}
	free(old);
}

void node_attach(struct tree *t, struct tree_node *dir, struct tree_node *node)
{
	struct tree_node **b;

	if (t->node_count >= t->bucket_count)
		table_grow(t);
	node->parent = dir;
	node->prev = NULL;
	node->next = dir->children;
	if (node->next)
		node->next->prev = node;
	dir->children = node;
	b = name_bucket(t, dir, node->name, node->name_len);
	node->chain = *b;
	*b = node;
	t->node_count++;
}

static void table_remove(struct tree *t, struct tree_node *node)
{
	struct tree_node **b = name_bucket(t, node->parent, node->name, node->name_len);

	while (*b != node)
		b = &(*b)->chain;
	*b = node->chain;
	t->node_count--;
}

void node_free_all(struct tree_node *node)
{
	while (node->children) {
		struct tree_node *child = node->children;

		node->children = child->next;
		node_free_all(child);
	}
	inode_drop_name(node->inode);
	free(node);
}

static void table_remove_all(struct tree *t, struct tree_node *node)
{
	for (struct tree_node *child = node->children; child; child = child->next)
		table_remove_all(t, child);
	table_remove(t, node);
}

static void sibling_unlink(struct tree_node *node)
{
	if (node->prev)
		node->prev->next = node->next;
	else
		node->parent->children = node->next;
	if (node->next)
		node->next->prev = node->prev;
}

void node_remove(struct tree *t, struct tree_node *node)
{
	table_remove_all(t, node);
	sibling_unlink(node);
	node_free_all(node);
}

void node_detach(struct tree *t, struct tree_node *node)
{
	table_remove(t, node);
	sibling_unlink(node);
}

struct tree_node *node_new(const char *name, size_t len, struct tree_inode *inode, struct error *err)
{
	struct tree_node *n = calloc(1, sizeof(*n) + len + 1);

	if (!n) {
		error_set(err, ENOMEM, "file tree");
		return NULL;
	}
	memcpy(n->name, name, len);
	n->name_len = (uint16_t)len;
	n->inode = inode;
	inode->names++;
	return n;
}

static const struct tree_meta implied_meta = { .mode = 0755 };

struct tree_node *node_add_implied(struct tree *t, struct tree_node *dir, const char *path, uint64_t text,
				   const char *name, size_t len, uint16_t stamp, struct error *err)
{
	struct tree_inode *inode;
	struct tree_node *node;

	if (tree_take_node(t, path, err) < 0 || tree_take_text(t, text, path, err) < 0)
		return NULL;
	inode = inode_new(TREE_DIR, &implied_meta, err);
	node = inode ? node_new(name, len, inode, err) : NULL;
	if (!node) {
		inode_free(inode);
		return NULL;
	}
	inode->implied = true;
	inode->origin = t->origin;
	node->stamp = stamp;
	node_attach(t, dir, node);
	return node;
}

struct tree *tree_new(struct error *err)
{
	struct tree *t = calloc(1, sizeof(*t));
	struct tree_inode *inode = t ? inode_new(TREE_DIR, &implied_meta, err) : NULL;

	if (t && inode) {
		inode->implied = true;
		t->bucket_count = BUCKETS_MIN;
		t->buckets = calloc(t->bucket_count, sizeof(struct tree_node *));
		t->root = t->buckets ? node_new("", 0, inode, err) : NULL;
		if (t->root)
			return t;
		free(t->buckets);
	}
	inode_free(inode);
	free(t);
	error_set(err, ENOMEM, "file tree");
	return NULL;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	node_free_all(t->root);
	free(t->buckets);
	for (uint32_t i = 0; i < t->origin_count; i++) {
		free(t->origins[i].source);
		free(t->origins[i].location);
	}
	free(t->origins);
	free(t);
}

static bool origin_same(const struct tree_origin *o, const char *source, const char *location)
{
	return str_eq(o->source, source) && str_eq(o->location, location);
}

/* There are few: those of the last entries are looked at first. */
int tree_set_origin(struct tree *t, const char *source, const char *location, struct error *err)
{
	struct tree_origin *grown, *o;

	t->origin = 0;
	if (!source)
		return 0;
	for (uint32_t i = t->origin_count; i > 0 && t->origin_count - i < ORIGINS_NEAR; i--)
		if (origin_same(&t->origins[i - 1], source, location)) {
			t->origin = i;
			return 0;
		}
	grown = realloc(t->origins, (t->origin_count + 1) * sizeof(*grown));
	if (!grown)
		return error_set(err, ENOMEM, "file tree");
	t->origins = grown;
	o = &grown[t->origin_count];
	o->source = strdup(source);
	o->location = strdup(location);
	if (!o->source || !o->location) {
		free(o->source);
		free(o->location);
		return error_set(err, ENOMEM, "file tree");
	}
	t->origin = ++t->origin_count;
	return 0;
}

size_t tree_count(const struct tree *t)
{
	return t->node_count;
}

struct tree_node *tree_find(const struct tree *t, const char *path)
{
	struct tree_node *node = t->root;
	const char *name;
	size_t len;
	int r;

	if (path[0] == '/')
		return NULL;
	while (node && (r = path_next(&path, &name, &len)) != 0)
		node = r < 0 ? NULL : node_child(t, node, name, len);
	return node;
}

void tree_remove(struct tree *t, const char *path)
{
	struct tree_node *node = tree_find(t, path);

	if (node == t->root)
		while (node->children)
			node_remove(t, node->children);
	else if (node)
		node_remove(t, node);
}

static int node_compare(const void *a, const void *b)
{
	return strcmp((*(struct tree_node *const *)a)->name, (*(struct tree_node *const *)b)->name);
}

struct tree_node **node_sorted_children(const struct tree_node *dir, size_t *count)
{
	size_t n = 0;
	struct tree_node **list;

	for (const struct tree_node *c = dir->children; c; c = c->next)
		n++;
	list = malloc((n ? n : 1) * sizeof(struct tree_node *));
	if (!list)
		return NULL;
	n = 0;
	for (struct tree_node *c = dir->children; c; c = c->next)
		list[n++] = c;
	qsort(list, n, sizeof(struct tree_node *), node_compare);
	*count = n;
	return list;
}

/* Removes what layers below `stamp` have put at and below a node. True when the node itself is gone. What is left is of
 * this layer, and so is what comes later: a second time there is nothing to do. */
bool node_prune(struct tree *t, struct tree_node *node, uint16_t stamp)
{
	static const struct tree_inode blank = { .type = TREE_DIR, .mode = 0755, .implied = true };
	struct tree_node *child, *next;

	for (child = node->pruned == stamp ? NULL : node->children; child; child = next) {
		next = child->next;
		node_prune(t, child, stamp);
	}
	node->pruned = stamp;
	if (node->stamp >= stamp)
		return false;
	if (!node->children) {
		node_remove(t, node);
		return true;
	}
	/* this layer's entries need the directory, but no layer describes it any more */
	xattrs_unref(node->inode->xattrs);
	uint32_t names = node->inode->names;

	*node->inode = blank;
	node->inode->names = names;
	node->stamp = stamp;
	return false;
}

size_t node_path_len(const struct tree_node *root, const struct tree_node *node)
{
	size_t n = 0;

	for (; node != root; node = node->parent)
		n += node->name_len + 1U;
	return n;
}
