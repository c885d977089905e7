/* A tree as a cpio archive for the kernel. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cpio.h"
#include "output.h"

struct cpio_writer {
	struct tree_writer base;
	struct sink *out;
	struct buf header;
	uint64_t left;
};

static const uint32_t format_bits[] = {
	[TREE_DIR] = S_IFDIR,  [TREE_FILE] = S_IFREG,  [TREE_SYMLINK] = S_IFLNK,
	[TREE_CHAR] = S_IFCHR, [TREE_BLOCK] = S_IFBLK, [TREE_FIFO] = S_IFIFO,
};

static int write_entry(struct tree_writer *base, const char *path, const struct tree_inode *inode, uint32_t ino,
		       const char *link, struct error *err)
{
	struct cpio_writer *w = (struct cpio_writer *)base;
	bool symlink = inode->type == TREE_SYMLINK;
	struct cpio_entry e = { .path = *path ? path : ".",
				.ino = ino,
				.mode = format_bits[inode->type] | inode->mode,
				.uid = inode->uid,
				.gid = inode->gid,
				.names = inode->type == TREE_DIR ? 2 : inode->names,
				.mtime = inode->mtime,
				.size = symlink ? strlen(inode->target)
					: link  ? 0
						: inode->size,
				.major = inode->major,
				.minor = inode->minor,
				.at = w->out->written };

	if (!*path && inode->implied)
		return 0;
	/* the kernel makes no hard links of symbolic links: one with two names becomes two */
	if (symlink)
		e.names = 1;
	buf_clear(&w->header);
	if (cpio_write_header(&w->header, &e, err) < 0)
		return -1;
	if (symlink &&
	    (buf_addstr(&w->header, inode->target) < 0 || buf_add(&w->header, "\0\0\0", cpio_padding(e.size)) < 0))
		return error_set(err, ENOMEM, "%s", path);
	w->left = e.size;
	return sink_write(w->out, buf_bytes(&w->header), w->header.len, err);
}

static int write_data(struct tree_writer *base, const void *data, size_t n, struct error *err)
{
	struct cpio_writer *w = (struct cpio_writer *)base;

	if (sink_write(w->out, data, n, err) < 0)
		return -1;
	w->left -= n;
	return w->left ? 0 : sink_pad(w->out, 4, err);
}

int tree_write_cpio(const struct tree *t, struct sink *out, struct error *err)
{
	struct cpio_writer w = { .base = { .entry = write_entry, .data = write_data }, .out = out };
	int r = tree_walk(t, &w.base, err);

	buf_clear(&w.header);
	if (r == 0)
		r = cpio_write_trailer(&w.header, err);
	if (r == 0)
		r = sink_write(out, buf_bytes(&w.header), w.header.len, err);
	buf_free(&w.header);
	return r < 0 ? -1 : sink_pad(out, 512, err);
}
