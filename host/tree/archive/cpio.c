/* Writing of cpio headers. */
#include "cpio.h"

#include <errno.h>
#include <string.h>

enum { HEADER = 110, NAME_MOST = 4096 };

/* Of the name with the NULs that belong to it. */
static size_t name_size(const struct cpio_entry *e)
{
	size_t name = strlen(e->path) + 1, more;

	if (e->size < CPIO_PAGES_FROM)
		return name;
	more = (size_t)(-(e->at + HEADER + name + cpio_padding(HEADER + name)) & (CPIO_PAGE - 1));
	return name + more <= NAME_MOST ? name + more : name;
}

static int nuls_add(struct buf *out, size_t n)
{
	uint8_t *room = buf_reserve(out, n);

	if (!room)
		return -1;
	memset(room, 0, n);
	buf_commit(out, n);
	return 0;
}

int cpio_write_header(struct buf *out, const struct cpio_entry *e, struct error *err)
{
	size_t path = strlen(e->path), name = name_size(e);
	int64_t mtime = e->mtime < 0 ? 0 : e->mtime > UINT32_MAX ? UINT32_MAX : e->mtime;

	if (e->size > UINT32_MAX)
		return error_say(err, EFBIG, "%s: the cpio format holds files below 4 GiB", e->path);
	if (name > NAME_MOST)
		return error_say(err, ENAMETOOLONG, "%.60s...", e->path);
	if (buf_addf(out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", e->ino, e->mode, e->uid, e->gid,
		     e->names, (uint32_t)mtime, (uint32_t)e->size, 0, 0, e->major, e->minor, (uint32_t)name, 0) < 0 ||
	    buf_add(out, e->path, path) < 0 || nuls_add(out, name - path + cpio_padding(HEADER + name)) < 0)
		return error_set(err, ENOMEM, "cpio header");
	return 0;
}

int cpio_write_trailer(struct buf *out, struct error *err)
{
	struct cpio_entry e = { .path = "TRAILER!!!", .names = 1 };

	return cpio_write_header(out, &e, err);
}
