/* Nodes and inodes: paths, and the table that finds a name in a directory. Single entries are in entries.c. */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tree_private.h"

enum { BUCKETS_MIN = 256 };

/* --- paths --- */

int path_next(const char **p, const char **name, size_t *len)
{
	const char *s = *p;

	for (;;) {
		size_t n;

		while (*s == '/')
			s++;
		if (!*s)
			return 0;
		n = strcspn(s, "/");
		*p = s + n;
		if (n == 1 && s[0] == '.') {
			s += n;
			continue;
		}
		if (n > TREE_NAME_MAX || (n == 2 && s[0] == '.' && s[1] == '.'))
			return -1;
		*name = s;
		*len = n;
		return 1;
	}
}

int path_check(const char *path, struct error *err)
{
	const char *p = path, *name;
	size_t len;
	int r;

	if (path[0] == '/')
		return error_say(err, EINVAL, "%.200s: absolute path", path);
	if (strlen(path) > TREE_PATH_MAX)
		return error_say(err, EINVAL, "%.200s...: path of more than %d bytes", path, TREE_PATH_MAX);
	while ((r = path_next(&p, &name, &len)) > 0)
		;
	if (r < 0)
		return error_say(err, EINVAL, "%.200s: %s", path,
				 strstr(path, "..") ? "path with .. in it" : "name of more than 255 bytes");
	return 0;
}

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

/* --- inodes --- */

struct tree_inode *inode_new(enum tree_type type, const struct tree_meta *meta, struct error *err)
{
	struct tree_inode *inode = calloc(1, sizeof(*inode));

	if (!inode) {
		error_set(err, ENOMEM, "file tree");
		return NULL;
	}
	inode->type = type;
	inode->mode = meta->mode & 07777;
	inode->uid = meta->uid;
	inode->gid = meta->gid;
	inode->mtime = meta->mtime;
	return inode;
}

void inode_free(struct tree_inode *inode)
{
	if (!inode || inode->names)
		return;
	while (inode->xattrs) {
		struct tree_xattr *next = inode->xattrs->next;

		free(inode->xattrs->name);
		free(inode->xattrs);
		inode->xattrs = next;
	}
	if (inode->type == TREE_SYMLINK)
		free(inode->target);
	else if (inode->content == CONTENT_MEMORY)
		free(inode->bytes);
	else if (inode->content == CONTENT_FILE)
		free(inode->path);
	else if (inode->content == CONTENT_SOURCE || inode->content == CONTENT_MEMBER)
		source_unref(inode->source);
	free(inode);
}

static void inode_drop_name(struct tree_inode *inode)
{
	inode->names--;
	inode_free(inode);
}

/* --- the table --- */

static size_t hash(const struct tree_node *dir, const char *name, size_t len)
{
	uint64_t h = 14695981039346656037ULL ^ (uint64_t)(uintptr_t)dir;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 1099511628211ULL;
	return (size_t)(h ^ h >> 29);
}

static struct tree_node **bucket(const struct tree *t, const struct tree_node *dir, const char *name, size_t len)
{
	return &t->buckets[hash(dir, name, len) & (t->bucket_count - 1)];
}

struct tree_node *node_child(const struct tree *t, const struct tree_node *dir, const char *name, size_t len)
{
	struct tree_node *n = *bucket(t, dir, name, len);

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
			struct tree_node **b = bucket(t, n->parent, n->name, n->name_len);

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
	b = bucket(t, dir, node->name, node->name_len);
	node->chain = *b;
	*b = node;
	t->node_count++;
}

static void table_remove(struct tree *t, struct tree_node *node)
{
	struct tree_node **b = bucket(t, node->parent, node->name, node->name_len);

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

void node_remove(struct tree *t, struct tree_node *node)
{
	table_remove_all(t, node);
	if (node->prev)
		node->prev->next = node->next;
	else
		node->parent->children = node->next;
	if (node->next)
		node->next->prev = node->prev;
	node_free_all(node);
}

static struct tree_node *node_new(const char *name, size_t len, struct tree_inode *inode, struct error *err)
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

static struct tree_node *implied_dir(struct tree *t, struct tree_node *dir, const char *name, size_t len,
				     uint32_t stamp, struct error *err)
{
	struct tree_inode *inode = inode_new(TREE_DIR, &implied_meta, err);
	struct tree_node *node = inode ? node_new(name, len, inode, err) : NULL;

	if (!node) {
		inode_free(inode);
		return NULL;
	}
	inode->implied = true;
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
	free(t);
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

static int not_a_directory(const struct tree_node *node, const char *path, struct error *err)
{
	_cleanup_free_ char *parent = tree_path(node);

	return error_say(err, ENOTDIR, "%.200s: its parent %s is %s", path, parent ? parent : node->name,
			 node->inode->type == TREE_SYMLINK ? "a symbolic link" : "no directory");
}

/* Walks to the directory that holds (or will hold) the last name of the path: *name and *len, 0 for the root itself. */
static struct tree_node *walk_parents(struct tree *t, const char *path, uint32_t stamp, const char **name, size_t *len,
				      struct error *err)
{
	struct tree_node *dir = t->root;
	const char *p = path, *next;
	size_t next_len;

	*name = "";
	*len = 0;
	if (path_check(path, err) < 0)
		return NULL;
	while (path_next(&p, &next, &next_len) > 0) {
		if (*len) {
			struct tree_node *child = node_child(t, dir, *name, *len);

			if (!child)
				child = implied_dir(t, dir, *name, *len, stamp, err);
			if (!child)
				return NULL;
			if (!node_is_dir(child)) {
				not_a_directory(child, path, err);
				return NULL;
			}
			dir = child;
		}
		*name = next;
		*len = next_len;
	}
	return dir;
}

struct tree_node *tree_make_dir(struct tree *t, const char *path, uint32_t stamp, struct error *err)
{
	const char *name;
	size_t len;
	struct tree_node *dir = walk_parents(t, path, stamp, &name, &len, err), *child;

	if (!dir || !len)
		return dir;
	child = node_child(t, dir, name, len);
	if (!child)
		return implied_dir(t, dir, name, len, stamp, err);
	if (node_is_dir(child))
		return child;
	not_a_directory(child, path, err);
	return NULL;
}

static struct tree_node *put(struct tree *t, const char *path, struct tree_inode *inode, uint32_t stamp,
			     struct error *err)
{
	const char *name;
	size_t len;
	struct tree_node *dir = walk_parents(t, path, stamp, &name, &len, err), *node;

	if (!dir)
		return NULL;
	if (!len && inode->type != TREE_DIR) {
		error_say(err, EINVAL, "the root of the tree cannot be anything but a directory");
		return NULL;
	}
	node = len ? node_child(t, dir, name, len) : dir;
	if (node && node->inode == inode)
		return node;
	if (node && node_is_dir(node) && inode->type == TREE_DIR) {
		inode_drop_name(node->inode);
		node->inode = inode;
		inode->names++;
		node->stamp = stamp;
		return node;
	}
	if (node)
		node_remove(t, node);
	node = node_new(name, len, inode, err);
	if (!node)
		return NULL;
	node->stamp = stamp;
	node_attach(t, dir, node);
	return node;
}

struct tree_node *tree_put(struct tree *t, const char *path, struct tree_inode *inode, uint32_t stamp,
			   struct error *err)
{
	struct tree_node *node = put(t, path, inode, stamp, err);

	if (!node)
		inode_free(inode);
	return node;
}

struct tree_node *tree_put_link(struct tree *t, const char *path, const char *existing, uint32_t stamp,
				struct error *err)
{
	struct tree_node *target, *node;
	struct tree_inode *inode;

	if (path_check(path, err) < 0)
		return NULL;
	if (path_check(existing, err) < 0) {
		error_wrap(err, "%.200s: hard link to", path);
		return NULL;
	}
	target = tree_find(t, existing);
	if (!target || node_is_dir(target)) {
		error_say(err, target ? EISDIR : ENOENT, "%.200s: hard link to %.200s, which %s", path, existing,
			  target ? "is a directory" : "does not exist");
		return NULL;
	}
	inode = target->inode;
	/* putting may remove the target's own node when it is below the path */
	inode->names++;
	node = put(t, path, inode, stamp, err);
	inode_drop_name(inode);
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

static int by_name(const void *a, const void *b)
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
	qsort(list, n, sizeof(struct tree_node *), by_name);
	*count = n;
	return list;
}
