/* Layers into a tree, by the OCI image specification (layer.md): an entry replaces what lower layers have at its path,
 * ".wh.NAME" hides NAME of lower layers, ".wh..wh..opq" hides everything that lower layers have in its directory.
 * Whiteouts never hide what their own layer brings, in whatever order the two come: nodes carry the number of the layer
 * that put them there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "layer.h"
#include "str.h"
#include "tree.h"
#include "tree_private.h"

#define WHITEOUT      ".wh."
#define WHITEOUT_AUFS ".wh..wh."
#define OPAQUE        ".wh..wh..opq"

/* 1: the entry was a whiteout and is done; 0: it is none. */
static int whiteout_apply(struct tree *t, const char *entry, uint16_t stamp, struct error *err)
{
	struct follow walk = { .tree = t, .root = t->root, .path = entry, .counts = true };
	_cleanup_free_ char *path = strdup(entry), *dir = NULL;
	struct tree_node *node, *child, *next;
	const char *slash, *base;

	if (!path)
		return error_set(err, ENOMEM, "%s", entry);
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = 0;
	slash = strrchr(path, '/');
	base = slash ? slash + 1 : path;
	if (!str_eq(base, OPAQUE) && (str_starts(path, WHITEOUT_AUFS) || strstr(path, "/" WHITEOUT_AUFS)))
		return 1; /* aufs's own notes, and what is below such a directory */
	if (!str_starts(base, WHITEOUT))
		return 0;
	if (path_check(path, err) < 0 || tree_take_text(t, strlen(path), path, err) < 0)
		return -1;
	dir = strndup(path, slash ? (size_t)(slash - path) : 0);
	if (!dir)
		return error_set(err, ENOMEM, "%s", path);
	node = links_walk(&walk, t->root, dir, NULL);
	if (str_eq(base, OPAQUE)) {
		for (child = node && node->pruned != stamp ? node->children : NULL; child; child = next) {
			next = child->next;
			node_prune(t, child, stamp);
		}
		if (node)
			node->pruned = stamp;
		return 1;
	}
	base += strlen(WHITEOUT);
	if (!*base || str_eq(base, ".") || str_eq(base, ".."))
		return error_say(err, EINVAL, "%.200s: whiteout of nothing", path);
	child = node ? node_child(t, node, base, strlen(base)) : NULL;
	if (child)
		node_prune(t, child, stamp);
	return 1;
}

static enum tree_type tree_type_of(enum tar_type type)
{
	switch (type) {
	case TAR_DIR:
		return TREE_DIR;
	case TAR_SYMLINK:
		return TREE_SYMLINK;
	case TAR_CHAR:
		return TREE_CHAR;
	case TAR_BLOCK_DEVICE:
		return TREE_BLOCK;
	case TAR_FIFO:
		return TREE_FIFO;
	default:
		return TREE_FILE;
	}
}

/* Absolute names are relative to the root, as every unpacker takes them. */
static const char *path_relative(const char *path)
{
	return path + strspn(path, "/");
}

static int check_entry(const struct tar_entry *e, struct error *err)
{
	if (e->type == TAR_SYMLINK && !*e->target)
		return error_say(err, EINVAL, "%.200s: symbolic link with an empty target", e->path);
	/* overlayfs takes such a node for a whiteout: it would hide files of the file system mounted below */
	if (e->type == TAR_CHAR && e->major == 0 && e->minor == 0)
		return error_say(err, EINVAL, "%.200s: character device 0:0, a whiteout of overlayfs, in a layer",
				 e->path);
	return 0;
}

/* The extended attributes of the archive's global header, as the first entry that had no others got them. */
struct shared {
	struct tree_xattr *list;
	uint32_t number; /* of the header */
};

struct layer {
	struct tree *tree;
	struct source *source;
	uint16_t stamp;
	bool origins; /* those of the archive are the tree's */
	struct shared shared;
};

static void layer_clear(struct layer *l)
{
	xattrs_unref(l->shared.list);
}

static int add_xattrs(struct tree *t, struct tree_inode *inode, const struct tar_entry *e, struct shared *shared,
		      struct error *err)
{
	if (e->xattr_count && e->shared && e->shared == shared->number) {
		inode->xattrs = xattrs_ref(shared->list);
	} else {
		for (size_t i = 0; i < e->xattr_count; i++)
			if (inode_set_xattr(inode, e->xattrs[i].name, e->xattrs[i].value, e->xattrs[i].len, err) < 0)
				return -1;
		if (e->shared) {
			xattrs_unref(shared->list);
			*shared = (struct shared){ xattrs_ref(inode->xattrs), e->shared };
		}
	}
	/* each entry counts for all of them: an archive of the tree repeats them */
	return tree_take_text(t, xattrs_text(inode->xattrs), e->path, err);
}

static struct tree_inode *inode_of(const struct tar_entry *e, struct source *source, uint32_t member, struct error *err)
{
	struct tree_meta meta = { .mode = e->mode, .uid = e->uid, .gid = e->gid, .mtime = e->mtime };
	struct tree_inode *inode = inode_new(tree_type_of(e->type), &meta, err);

	if (!inode)
		return NULL;
	inode->mtime_nsec = e->mtime_nsec;
	inode->major = e->major;
	inode->minor = e->minor;
	if (e->type == TAR_SYMLINK) {
		inode->target = strdup(e->target);
		if (!inode->target) {
			inode_free(inode);
			error_set(err, ENOMEM, "%s", e->path);
			return NULL;
		}
	} else if (e->size) {
		inode->content = CONTENT_MEMBER;
		inode->source = source_ref(source);
		inode->member = member;
		inode->size = e->size;
	}
	return inode;
}

static int add_entry(struct layer *l, const struct tar_entry *e, uint32_t member, struct error *err)
{
	struct tree_inode *inode;

	if (l->origins && tree_set_origin(l->tree, e->source, e->location, err) < 0)
		return -1;
	if (e->type == TAR_LINK)
		return layer_put_link(l->tree, path_relative(e->path), path_relative(e->target), l->stamp, err) ? 0
														: -1;
	if (check_entry(e, err) < 0 || tree_take_text(l->tree, strlen(e->target), e->path, err) < 0 ||
	    (e->size > e->stored && tree_take_holes(l->tree, e->size - e->stored, e->path, err) < 0))
		return -1;
	inode = inode_of(e, l->source, member, err);
	if (!inode)
		return -1;
	if (add_xattrs(l->tree, inode, e, &l->shared, err) < 0) {
		inode_free(inode);
		return -1;
	}
	return layer_put(l->tree, path_relative(e->path), inode, l->stamp, err) ? 0 : -1;
}

static int layer_read(struct layer *l, const char *what, struct error *err)
{
	_cleanup_archive_ struct archive a = { 0 };
	int r;

	if (archive_open(&a, l->source, what, err) < 0)
		return -1;
	while ((r = archive_next(&a, err)) > 0) {
		const struct tar_entry *e = &a.tar.entry;

		r = l->stamp ? whiteout_apply(l->tree, path_relative(e->path), l->stamp, err) : 0;
		if (r == 0)
			r = add_entry(l, e, a.index, err);
		if (r < 0)
			return error_wrap(err, "%s", what);
	}
	return r < 0 ? -1 : archive_finish(&a, err);
}

int tree_add_layer(struct tree *t, struct source *source, const char *what, uint16_t stamp, struct error *err)
{
	_cleanup_(layer_clear) struct layer l = { .tree = t, .source = source, .stamp = stamp };

	return layer_read(&l, what, err);
}

int tree_read_archive(struct tree *t, struct source *source, const char *what, struct error *err)
{
	_cleanup_(layer_clear) struct layer l = { .tree = t, .source = source, .origins = true };

	return layer_read(&l, what, err);
}

/* Depth is bounded by the length of a path. */
static void drop_hollow(struct tree *t, struct tree_node *dir)
{
	struct tree_node *n, *next;

	for (n = dir->children; n; n = next) {
		next = n->next;
		if (node_is_dir(n))
			drop_hollow(t, n);
	}
	if (dir->parent && dir->inode->implied && !dir->children)
		node_remove(t, dir);
}

void tree_drop_hollow(struct tree *t)
{
	drop_hollow(t, t->root);
}

int tree_add_archive(struct tree *t, const char *prefix, struct source *source, const char *what,
		     tree_filter_fn *filter, void *data, struct error *err)
{
	_cleanup_tree_ struct tree *members = tree_new(err);

	if (!members || tree_add_layer(members, source, what, 0, err) < 0)
		return -1;
	return tree_merge(t, prefix, members, filter, data, err) < 0 ? error_wrap(err, "%s", what) : 0;
}
