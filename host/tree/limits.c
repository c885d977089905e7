/* What a format holds, and what it does not. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "output.h"
#include "str.h"
#include "tree_private.h"

static int refuse(const struct tree_node *node, int code, const char *what, const char *format, struct error *err)
{
	_cleanup_free_ char *path = tree_path(node);

	return error_say(err, code, "%s: %s, which %s cannot hold", path && *path ? path : "/", what, format);
}

static bool has_prefix(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (str_starts(name, *prefixes))
			return true;
	return false;
}

static int check_xattrs(const struct tree_node *node, const struct format_limits *l, struct error *err)
{
	for (const struct tree_xattr *x = node->inode->xattrs; x; x = x->next) {
		_cleanup_free_ char *what = NULL;

		if (has_prefix(x->name, l->xattr_prefixes) && x->len <= l->xattr_max)
			continue;
		what = str_format("extended attribute %s of %" PRIu32 " bytes", x->name, x->len);
		return refuse(node, E2BIG, what ? what : x->name, l->format, err);
	}
	return 0;
}

static int check_node(const struct tree_node *node, const struct format_limits *l, struct error *err)
{
	const int64_t time = node->inode->mtime;
	char what[64];

	if (time < 0 || time > UINT32_MAX) {
		snprintf(what, sizeof(what), "time %" PRId64 " (before 1970 or after 2106)", time);
		return refuse(node, ERANGE, what, l->format, err);
	}
	if (node->name_len > l->name_max) {
		snprintf(what, sizeof(what), "name of %u bytes", node->name_len);
		return refuse(node, ENAMETOOLONG, what, l->format, err);
	}
	return check_xattrs(node, l, err);
}

static int check_below(const struct tree_node *node, const struct format_limits *l, struct error *err)
{
	if (check_node(node, l, err) < 0)
		return -1;
	for (const struct tree_node *n = node->children; n; n = n->next)
		if (check_below(n, l, err) < 0)
			return -1;
	return 0;
}

int tree_fits(const struct tree *t, const struct format_limits *limits, struct error *err)
{
	return check_below(t->root, limits, err);
}

const struct tree_node *tree_with_time(const struct tree_node *dir, int64_t first, int64_t last)
{
	const struct tree_node *found = dir->inode->mtime < first || dir->inode->mtime > last ? dir : NULL;

	for (const struct tree_node *n = dir->children; n && !found; n = n->next)
		found = tree_with_time(n, first, last);
	return found;
}

const struct tree_node *tree_with_xattrs(const struct tree_node *dir)
{
	const struct tree_node *found = dir->inode->xattrs ? dir : NULL;

	for (const struct tree_node *n = dir->children; n && !found; n = n->next)
		found = tree_with_xattrs(n);
	return found;
}
