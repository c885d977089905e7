/* A tree as a tar archive. */
#include <errno.h>

#include "output.h"
#include "tar.h"
#include "tree_private.h"

struct tar_writer {
	struct tree_writer base;
	struct sink *out;
	struct buf header;
	uint64_t left;
	enum tar_root root;
	const struct tree *origins; /* NULL: nobody asks for them */
};

static enum tar_type tar_type_of(enum tree_type type)
{
	switch (type) {
	case TREE_DIR:
		return TAR_DIR;
	case TREE_SYMLINK:
		return TAR_SYMLINK;
	case TREE_CHAR:
		return TAR_CHAR;
	case TREE_BLOCK:
		return TAR_BLOCK_DEVICE;
	case TREE_FIFO:
		return TAR_FIFO;
	default:
		return TAR_FILE;
	}
}

static int write_entry(struct tree_writer *base, const char *path, const struct tree_inode *inode, uint32_t ino,
		       const char *link, struct error *err)
{
	struct tar_writer *w = (struct tar_writer *)base;
	const struct tree_origin *origin = w->origins ? tree_origin(w->origins, inode) : NULL;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	struct tar_entry e = { .type = link ? TAR_LINK : tar_type_of(inode->type),
			       .path = *path ? path : ".",
			       .target = link                        ? link
				       : inode->type == TREE_SYMLINK ? inode->target
								     : "",
			       .mode = inode->mode,
			       .uid = inode->uid,
			       .gid = inode->gid,
			       .size = link ? 0 : inode->size,
			       .mtime = inode->mtime,
			       .mtime_nsec = inode->mtime_nsec,
			       .major = inode->major,
			       .minor = inode->minor,
			       .xattrs = xattrs,
			       .gnu_target = w->root == ROOT_NEVER,
			       .source = origin ? origin->source : NULL,
			       .location = origin ? origin->location : NULL };

	(void)ino;
	if (!*path && (w->root == ROOT_NEVER || (w->root == ROOT_DESCRIBED && inode->implied)))
		return 0;
	for (const struct tree_xattr *x = link ? NULL : inode->xattrs; x; x = x->next) {
		if (e.xattr_count == TAR_XATTRS_MAX)
			return error_say(err, E2BIG, "%s: more than %d extended attributes", path, TAR_XATTRS_MAX);
		xattrs[e.xattr_count++] = (struct tar_xattr){ x->name, x->value, x->len };
	}
	buf_clear(&w->header);
	if (tar_write_header(&w->header, &e, err) < 0)
		return -1;
	w->left = e.size;
	return sink_write(w->out, buf_bytes(&w->header), w->header.len, err);
}

static int write_data(struct tree_writer *base, const void *data, size_t n, struct error *err)
{
	struct tar_writer *w = (struct tar_writer *)base;

	if (sink_write(w->out, data, n, err) < 0)
		return -1;
	w->left -= n;
	return w->left ? 0 : sink_pad(w->out, TAR_BLOCK, err);
}

static int tar_write(const struct tree *t, struct tar_writer *w, struct error *err)
{
	int r;

	w->base = (struct tree_writer){ .entry = write_entry, .data = write_data };
	r = tree_walk(t, &w->base, err);
	buf_free(&w->header);
	return r < 0 ? -1 : sink_zero(w->out, (uint64_t)2 * TAR_BLOCK, err);
}

int tree_write_tar_root(const struct tree *t, enum tar_root root, struct sink *out, struct error *err)
{
	struct tar_writer w = { .out = out, .root = root };

	return tar_write(t, &w, err);
}

int tree_write_tar(const struct tree *t, struct sink *out, struct error *err)
{
	struct tar_writer w = { .out = out, .root = ROOT_DESCRIBED, .origins = t };

	return tar_write(t, &w, err);
}
