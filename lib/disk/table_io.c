/* Tables on disks. */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "table.h"

/* Bytes of a sector, and of the disk; a file is taken for a disk with sectors of 512 bytes. */
static int disk_size(int fd, uint32_t *sector, uint64_t *bytes, struct error *err)
{
	struct stat st;
	int size = 512;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "stat");
	*bytes = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && (ioctl(fd, BLKSSZGET, &size) < 0 || ioctl(fd, BLKGETSIZE64, bytes) < 0))
		return error_set(err, errno, "ask for the size");
	*sector = (uint32_t)size;
	return 0;
}

int table_read(int fd, struct table *t, struct error *err)
{
	uint8_t head[TABLE_EDGE], tail[TABLE_EDGE];
	uint32_t sector = 512;
	uint64_t bytes = 0;
	size_t n;

	if (disk_size(fd, &sector, &bytes, err) < 0)
		return -1;
	n = bytes < TABLE_EDGE ? (size_t)bytes / sector * sector : TABLE_EDGE;
	if (io_pread(fd, head, n, 0) != (ssize_t)n ||
	    io_pread(fd, tail, n, (off_t)(bytes / sector * sector - n)) != (ssize_t)n)
		return error_set(err, errno ? errno : EIO, "read the partition table");
	return table_parse(head, tail, n, sector, bytes / sector, t, err);
}

static int bytes_write(int fd, const uint8_t *data, size_t n, uint64_t at, struct error *err)
{
	ssize_t r;

	if (n == 0)
		return 0;
	do
		r = pwrite(fd, data, n, (off_t)at);
	while (r < 0 && errno == EINTR);
	if (r != (ssize_t)n || fsync(fd) < 0)
		return error_set(err, r >= 0 && r != (ssize_t)n ? EIO : errno, "write the partition table");
	return 0;
}

int table_write(int fd, const struct table *t, struct error *err)
{
	struct table_bytes b;
	size_t first;

	if (table_render(t, &b, err) < 0)
		return -1;
	first = b.head_size < sizeof(t->first) ? b.head_size : sizeof(t->first);
	if (bytes_write(fd, b.tail, b.tail_size, b.tail_at, err) < 0 ||
	    bytes_write(fd, b.head + first, b.head_size - first, first, err) < 0 ||
	    bytes_write(fd, b.head, first, 0, err) < 0)
		return -1;
	return 0;
}
