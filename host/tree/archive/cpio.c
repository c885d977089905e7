/* Writing of cpio headers. */
#include "cpio.h"

#include <errno.h>
#include <string.h>

int cpio_write_header(struct buf *out, const struct cpio_entry *e, struct error *err)
{
	size_t name = strlen(e->path) + 1;
	int64_t mtime = e->mtime < 0 ? 0 : e->mtime > UINT32_MAX ? UINT32_MAX : e->mtime;

	if (e->size > UINT32_MAX)
		return error_say(err, EFBIG, "%s: the cpio format holds files below 4 GiB", e->path);
	if (name > 4096)
		return error_say(err, ENAMETOOLONG, "%.60s...", e->path);
	if (buf_addf(out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", e->ino, e->mode, e->uid, e->gid,
		     e->names, (uint32_t)mtime, (uint32_t)e->size, 0, 0, e->major, e->minor, (uint32_t)name, 0) < 0 ||
	    buf_add(out, e->path, name) < 0 || buf_add(out, "\0\0\0", cpio_padding(110 + name)) < 0)
		return error_set(err, ENOMEM, "cpio header");
	return 0;
}

int cpio_write_trailer(struct buf *out, struct error *err)
{
	struct cpio_entry e = { .path = "TRAILER!!!", .names = 1 };

	return cpio_write_header(out, &e, err);
}
