#include "runlog.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "io.h"

int runlog_open(struct runlog *l, int dir, const char *name, struct error *err)
{
	*l = (struct runlog)RUNLOG_INIT;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return error_set(err, errno, "log %s", name);
	l->fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return l->fd < 0 ? error_set(err, errno, "log %s", name) : 0;
}

static size_t head_room(const struct runlog *l)
{
	struct statvfs fs;

	if (l->fd < 0 || l->head < l->total || l->head >= RUNLOG_HEAD)
		return 0; /* once something is left out the head has ended */
	if (fstatvfs(l->fd, &fs) == 0 && fs.f_blocks > 0 && fs.f_bavail < fs.f_blocks / 2)
		return 0;
	return RUNLOG_HEAD - l->head;
}

size_t runlog_add(struct runlog *l, const void *data, size_t n)
{
	size_t room = head_room(l), part = n < room ? n : room;

	if (part > 0 && io_write(l->fd, data, part) < 0)
		part = 0;
	l->head += part;
	l->total += n;
	if (buf_add(&l->tail, data, n) == 0 && l->tail.len > RUNLOG_TAIL)
		buf_consume(&l->tail, l->tail.len - RUNLOG_TAIL);
	return part;
}

void runlog_end(struct runlog *l)
{
	uint64_t rest = l->total - l->head, left_out;
	const uint8_t *data = buf_bytes(&l->tail);
	size_t n = l->tail.len;
	char line[80];
	int said = 0;

	if (l->fd < 0 || rest == 0)
		return;
	if (n > rest) { /* the file has the beginning of the tail */
		data += n - rest;
		n = (size_t)rest;
	}
	left_out = rest - n;
	/* A full file system: there is nobody to tell. */
	if (left_out > 0) {
		said = snprintf(line, sizeof(line), "\n[... %llu bytes are left out here ...]\n",
				(unsigned long long)left_out);
		(void)!io_write(l->fd, line, (size_t)said);
	}
	(void)!io_write(l->fd, data, n);
	l->tail_size = n;
	l->tail_from = l->head + left_out;
	l->tail_at = l->head + (uint64_t)said;
	cleanup_close(&l->fd);
	l->fd = -1;
}

void runlog_clear(struct runlog *l)
{
	cleanup_close(&l->fd);
	buf_free(&l->tail);
	*l = (struct runlog)RUNLOG_INIT;
}
