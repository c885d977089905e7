/* Inodes: metadata and content, which one or more names share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tree_private.h"

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

void inode_drop_name(struct tree_inode *inode)
{
	inode->names--;
	inode_free(inode);
}

struct tree_xattr *xattrs_ref(struct tree_xattr *list)
{
	if (list)
		list->refs++;
	return list;
}

void xattrs_unref(struct tree_xattr *list)
{
	if (!list || --list->refs)
		return;
	while (list) {
		struct tree_xattr *next = list->next;

		free(list->name);
		free(list);
		list = next;
	}
}

uint64_t xattrs_text(const struct tree_xattr *list)
{
	uint64_t sum = 0;

	for (; list; list = list->next)
		sum += XATTR_TEXT + strlen(list->name) + list->len;
	return sum;
}

static struct tree_xattr *xattr_new(const char *name, const void *value, size_t n)
{
	struct tree_xattr *x = n <= UINT32_MAX ? malloc(sizeof(*x) + n) : NULL;

	if (!x)
		return NULL;
	*x = (struct tree_xattr){ .name = strdup(name), .len = (uint32_t)n, .refs = 1 };
	if (n)
		memcpy(x->value, value, n);
	if (x->name)
		return x;
	free(x);
	return NULL;
}

/* A list of the inode's own, when it shares one. */
static int xattrs_unshare(struct tree_inode *inode)
{
	struct tree_xattr *copy = NULL, **end = &copy;

	if (!inode->xattrs || inode->xattrs->refs == 1)
		return 0;
	for (const struct tree_xattr *x = inode->xattrs; x; x = x->next, end = &(*end)->next) {
		*end = xattr_new(x->name, x->value, x->len);
		if (!*end) {
			xattrs_unref(copy);
			return -1;
		}
	}
	xattrs_unref(inode->xattrs);
	inode->xattrs = copy;
	return 0;
}

int inode_set_xattr(struct tree_inode *inode, const char *name, const void *value, size_t n, struct error *err)
{
	struct tree_xattr *x = xattr_new(name, value, n), **at = &inode->xattrs;

	if (!x || xattrs_unshare(inode) < 0) {
		xattrs_unref(x);
		return error_set(err, ENOMEM, "extended attribute %s", name);
	}
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	x->next = *at;
	if (*at && str_eq((*at)->name, name)) {
		struct tree_xattr *old = *at;

		x->next = old->next;
		old->next = NULL;
		old->refs = 1;
		xattrs_unref(old);
	}
	*at = x;
	return 0;
}

int tree_set_xattr(struct tree_node *node, const char *name, const void *value, size_t n, struct error *err)
{
	return inode_set_xattr(node->inode, name, value, n, err);
}
