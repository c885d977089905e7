#include "volume.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "volume_private.h"

static int memory_read(const struct medium *m, uint64_t at, void *to, size_t n, struct error *err)
{
	(void)err;
	memcpy(to, (const uint8_t *)m->data + at, n);
	return 0;
}

static int file_read_at_offset(const struct medium *m, uint64_t at, void *to, size_t n, struct error *err)
{
	ssize_t got = io_pread(m->fd, to, n, (off_t)at);

	if (got < 0)
		return error_set(err, errno, "read at byte %llu", (unsigned long long)at);
	return (size_t)got < n ? error_set(err, 0, "the disk ends at byte %llu", (unsigned long long)at + got) : 0;
}

struct medium medium_memory(const void *data, size_t n)
{
	return (struct medium){ .read = memory_read, .size = n, .data = data };
}

int medium_open(struct medium *m, int fd, struct error *err)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		return error_set(err, errno, "its size");
	*m = (struct medium){ .read = file_read_at_offset, .size = (uint64_t)size, .fd = fd };
	return 0;
}

int medium_append(const struct medium *m, uint64_t at, size_t n, struct buf *out, struct error *err)
{
	uint8_t *to;

	if (at > m->size || n > m->size - at)
		return error_set(err, 0, "it leads beyond the disk's end");
	to = buf_reserve(out, n);
	if (!to)
		return error_set(err, ENOMEM, "the disk");
	if (n > 0 && m->read(m, at, to, n, err) < 0)
		return -1;
	buf_commit(out, n);
	return 0;
}

void label_copy(char out[33], const uint8_t *label, size_t n)
{
	while (n > 0 && (label[n - 1] == ' ' || label[n - 1] == '\0'))
		n--;
	memcpy(out, label, n);
	out[n] = '\0';
}
