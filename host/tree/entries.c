/* Entries that are added one by one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "str.h"
#include "tree.h"
#include "tree_private.h"

struct tree_node *tree_add_dir(struct tree *t, const char *path, const struct tree_meta *meta, struct error *err)
{
	struct tree_inode *inode = inode_new(TREE_DIR, meta, err);

	return inode ? tree_put(t, path, inode, err) : NULL;
}

struct tree_node *tree_add_bytes(struct tree *t, const char *path, const struct tree_meta *meta, const void *data,
				 size_t n, struct error *err)
{
	struct tree_inode *inode = inode_new(TREE_FILE, meta, err);

	if (!inode)
		return NULL;
	if (n) {
		inode->bytes = malloc(n);
		if (!inode->bytes) {
			inode_free(inode);
			error_set(err, ENOMEM, "%s", path);
			return NULL;
		}
		memcpy(inode->bytes, data, n);
		inode->content = CONTENT_MEMORY;
		inode->size = n;
	}
	return tree_put(t, path, inode, err);
}

static int inode_set_file(struct tree_inode *inode, const char *host_path, struct error *err)
{
	struct stat st;
	char *copy;

	if (stat(host_path, &st) < 0 || access(host_path, R_OK) < 0)
		return error_set(err, errno, "%s", host_path);
	if (!S_ISREG(st.st_mode))
		return error_say(err, EINVAL, "%s is no regular file", host_path);
	if (st.st_size == 0)
		return 0;
	copy = strdup(host_path);
	if (!copy)
		return error_set(err, ENOMEM, "%s", host_path);
	inode->path = copy;
	inode->content = CONTENT_FILE;
	inode->size = (uint64_t)st.st_size;
	return 0;
}

struct tree_node *tree_add_file(struct tree *t, const char *path, const struct tree_meta *meta, const char *host_path,
				struct error *err)
{
	struct tree_inode *inode = inode_new(TREE_FILE, meta, err);

	if (!inode)
		return NULL;
	if (inode_set_file(inode, host_path, err) < 0) {
		inode_free(inode);
		return NULL;
	}
	return tree_put(t, path, inode, err);
}

int tree_set_file(struct tree_node *node, const char *host_path, struct error *err)
{
	if (node->inode->content == CONTENT_FILE)
		free(node->inode->path);
	node->inode->content = CONTENT_EMPTY;
	node->inode->size = 0;
	return inode_set_file(node->inode, host_path, err);
}

struct tree_node *tree_add_source(struct tree *t, const char *path, const struct tree_meta *meta, struct source *source,
				  uint64_t size, struct error *err)
{
	struct tree_inode *inode = inode_new(TREE_FILE, meta, err);

	if (!inode)
		return NULL;
	if (size) {
		inode->source = source_ref(source);
		inode->content = CONTENT_SOURCE;
		inode->size = size;
	}
	return tree_put(t, path, inode, err);
}

struct tree_node *tree_add_symlink(struct tree *t, const char *path, const struct tree_meta *meta, const char *target,
				   struct error *err)
{
	struct tree_inode *inode;

	if (!*target || strlen(target) > TREE_PATH_MAX) {
		error_say(err, EINVAL, "%s: symbolic link with %s target", path, *target ? "too long a" : "an empty");
		return NULL;
	}
	inode = inode_new(TREE_SYMLINK, meta, err);
	if (!inode)
		return NULL;
	inode->target = strdup(target);
	if (!inode->target) {
		inode_free(inode);
		error_set(err, ENOMEM, "%s", path);
		return NULL;
	}
	return tree_put(t, path, inode, err);
}

struct tree_node *tree_add_special(struct tree *t, const char *path, const struct tree_meta *meta, enum tree_type type,
				   uint32_t major, uint32_t minor, struct error *err)
{
	struct tree_inode *inode = inode_new(type, meta, err);

	if (!inode)
		return NULL;
	inode->major = major;
	inode->minor = minor;
	return tree_put(t, path, inode, err);
}

struct tree_node *tree_add_link(struct tree *t, const char *path, const char *existing, struct error *err)
{
	return tree_put_link(t, path, existing, err);
}

static int copy_content(struct tree_inode *to, const struct tree_inode *from)
{
	to->content = CONTENT_EMPTY; /* until it holds what it says, for inode_free() */
	if (from->type == TREE_SYMLINK) {
		to->target = strdup(from->target);
		return to->target ? 0 : -1;
	}
	switch (from->content) {
	case CONTENT_EMPTY:
		break;
	case CONTENT_MEMORY:
		to->bytes = malloc(from->size);
		if (!to->bytes)
			return -1;
		memcpy(to->bytes, from->bytes, from->size);
		break;
	case CONTENT_FILE:
		to->path = strdup(from->path);
		if (!to->path)
			return -1;
		break;
	case CONTENT_SOURCE:
	case CONTENT_MEMBER:
		to->source = source_ref(from->source);
		break;
	}
	to->content = from->content;
	return 0;
}

struct tree_node *tree_add_copy(struct tree *t, const char *path, const struct tree_node *node, struct error *err)
{
	const struct tree_inode *from = node->inode;
	struct tree_inode *inode = calloc(1, sizeof(*inode));

	if (inode) {
		*inode = *from;
		inode->names = 0;
		inode->xattrs = NULL;
	}
	if (!inode || copy_content(inode, from) < 0) {
		free(inode);
		error_set(err, ENOMEM, "%s", path);
		return NULL;
	}
	inode->xattrs = xattrs_ref(from->xattrs);
	return tree_put(t, path, inode, err);
}

/* --- extended attributes --- */
