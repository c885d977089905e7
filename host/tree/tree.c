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

/* --- what a tree may hold --- */

int tree_take_text(struct tree *t, uint64_t bytes, const char *path, struct error *err)
{
	if (bytes > TREE_TEXT_MAX - t->text)
		return error_say(err, E2BIG,
				 "%.200s: more than %u MiB of paths, link targets and extended attributes (directories "
				 "that nothing describes count)",
				 path, (unsigned)(TREE_TEXT_MAX >> 20));
	t->text += bytes;
	return 0;
}

int tree_take_node(const struct tree *t, const char *path, struct error *err)
{
	if (t->node_count < TREE_NODES_MAX)
		return 0;
	return error_say(err, E2BIG,
			 "%.200s: more than %d files and directories (directories that nothing describes count)", path,
			 TREE_NODES_MAX);
}

int tree_take_holes(struct tree *t, uint64_t bytes, const char *path, struct error *err)
{
	if (bytes > TREE_HOLES_MAX - t->holes)
		return error_say(err, E2BIG, "%.200s: files with holes of more than %u GiB", path,
				 (unsigned)(TREE_HOLES_MAX >> 30));
	t->holes += bytes;
	return 0;
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
	xattrs_unref(inode->xattrs);
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

static void unlink_sibling(struct tree_node *node)
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
	unlink_sibling(node);
	node_free_all(node);
}

void node_detach(struct tree *t, struct tree_node *node)
{
	table_remove(t, node);
	unlink_sibling(node);
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

/* path: for messages. text: bytes of the directory's own path. */
static struct tree_node *implied_dir(struct tree *t, struct tree_node *dir, const char *path, uint64_t text,
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
	node->stamp = stamp;
	node_attach(t, dir, node);
	return node;
}

struct tree_node *node_implied(const struct follow *f, struct tree_node *dir, const char *name, size_t len,
			       struct error *err)
{
	size_t text = node_path_len(f->tree->root, dir) + len;

	if (text > TREE_PATH_MAX) {
		error_say(err, ENAMETOOLONG, "%.200s: path of more than %d bytes behind a symbolic link", f->path,
			  TREE_PATH_MAX);
		return NULL;
	}
	return implied_dir(f->tree, dir, f->path, text, name, len, f->stamp, err);
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

/* How something is put into a tree. */
struct place {
	const char *path;
	uint16_t stamp;
	bool follow; /* links among the parents, inside the tree; else they are refused */
	/* filled by walk_parents(): the last name, len 0 for the root itself */
	const char *name;
	size_t len;
};

/* The directory of that name, made where it is missing. */
static struct tree_node *enter(struct tree *t, struct tree_node *dir, struct place *p, struct follow *f,
			       struct error *err)
{
	struct tree_node *child = node_child(t, dir, p->name, p->len);
	size_t before = (size_t)(p->name - p->path) + p->len;

	if (!child && f->links)
		return node_implied(f, dir, p->name, p->len, err);
	if (!child)
		return implied_dir(t, dir, p->path, before, p->name, p->len, p->stamp, err);
	if (p->follow && child->inode->type == TREE_SYMLINK)
		child = links_follow(f, child, err);
	if (child && !node_is_dir(child)) {
		not_a_directory(child, p->path, err);
		return NULL;
	}
	return child;
}

/* Walks to the directory that holds (or will hold) the last name of the path. */
static struct tree_node *walk_parents(struct tree *t, struct place *place, struct error *err)
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
		dir = place->len ? enter(t, dir, place, &f, err) : dir;
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
	struct tree_node *dir = walk_parents(t, &place, err);

	return dir && place.len ? enter(t, dir, &place, &f, err) : dir;
}

/* A node with this inode instead of what is there. */
static struct tree_node *replace(struct tree *t, struct tree_node *dir, const struct place *p, struct tree_node *there,
				 struct tree_inode *inode, struct error *err)
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
static int make_way(struct tree *t, struct tree_node **there, const struct place *p, const char *target,
		    struct error *err)
{
	struct fold fold = { .tree = t, .root = t->root, .dir = *there, .first_wins = true };

	if (p->stamp && node_prune(t, *there, p->stamp)) {
		*there = NULL;
		return 0;
	}
	return (*there)->children ? links_fold(&fold, target, p->stamp, err) : 0;
}

static struct tree_node *put(struct tree *t, struct place *p, struct tree_inode *inode, struct error *err)
{
	struct tree_node *dir = walk_parents(t, p, err), *node;

	if (!dir)
		return NULL;
	if (!p->len && inode->type != TREE_DIR) {
		error_say(err, EINVAL, "the root of the tree cannot be anything but a directory");
		return NULL;
	}
	if (tree_take_text(t, strlen(p->path), p->path, err) < 0)
		return NULL;
	node = p->len ? node_child(t, dir, p->name, p->len) : dir;
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
	    make_way(t, &node, p, inode->target, err) < 0)
		return NULL;
	return replace(t, dir, p, node, inode, err);
}

static struct tree_node *put_or_free(struct tree *t, struct place *p, struct tree_inode *inode, struct error *err)
{
	struct tree_node *node = put(t, p, inode, err);

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
	node = put(t, p, inode, err);
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
