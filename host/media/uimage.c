/* Files that U-Boot takes: a header of 64 bytes in front of a kernel, a ramdisk or a script (include/image.h of U-Boot,
 * "legacy image format"). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "io.h"
#include "media.h"

enum { HEADER = 64, OS_LINUX = 5, ARCH_ARM64 = 22, NAME_MAX_BYTES = 32, CHUNK = 64 << 10 };

#define MAGIC 0x27051956u

static void be32_put(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static void header_make(const struct media_uimage *u, uint32_t size, uint32_t sum, int64_t time, uint8_t h[HEADER])
{
	memset(h, 0, HEADER);
	be32_put(h, MAGIC);
	be32_put(h + 8, (uint32_t)time);
	be32_put(h + 12, size);
	be32_put(h + 16, u->address);
	be32_put(h + 20, u->address);
	be32_put(h + 24, sum);
	h[28] = OS_LINUX;
	h[29] = ARCH_ARM64;
	h[30] = (uint8_t)u->type;
	h[31] = u->gzip;
	memcpy(h + 32, u->name, strnlen(u->name, NAME_MAX_BYTES));
	be32_put(h + 4, (uint32_t)crc32(0, h, HEADER));
}

/* Behind the header's place. */
static int content_copy(int from, int to, uint64_t *size, uint32_t *sum)
{
	static uint8_t chunk[CHUNK];
	uLong crc = crc32(0, NULL, 0);
	ssize_t n;

	while ((n = io_pread(from, chunk, CHUNK, (off_t)*size)) > 0) {
		crc = crc32(crc, chunk, (uInt)n);
		*size += (uint64_t)n;
		if (io_write(to, chunk, (size_t)n) < 0)
			return -1;
	}
	*sum = (uint32_t)crc;
	return n < 0 ? -1 : 0;
}

int media_uimage_write(const struct media_uimage *u, const char *from, int64_t time, const char *to, struct error *err)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	uint8_t header[HEADER] = { 0 };
	uint64_t size = 0;
	uint32_t sum = 0;

	if (in < 0)
		return error_set(err, errno, "%s", from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0 || io_write(out, header, HEADER) < 0 || content_copy(in, out, &size, &sum) < 0)
		return error_set(err, errno, "%s", to);
	if (size > UINT32_MAX)
		return error_say(err, EFBIG, "U-Boot takes images of less than 4096 MiB, and %s has %llu MiB", u->name,
				 (unsigned long long)size >> 20);
	header_make(u, (uint32_t)size, sum, time, header);
	return pwrite(out, header, HEADER, 0) == HEADER ? 0 : error_set(err, errno, "%s", to);
}
