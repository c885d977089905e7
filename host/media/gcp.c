/* The archive that Google's import takes: disk.raw in tar's old GNU format, gzipped.
 * https://cloud.google.com/compute/docs/import/import-existing-image */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media_private.h"
#include "sink.h"
#include "stream.h"
#include "zip.h"

enum { TAR_RECORD = 20 * SECTOR };

/* Sizes from 8 GiB on are binary, with the first bit set. */
static void tar_size_put(char *field, uint64_t size)
{
	if (size >> 33 == 0) {
		snprintf(field, 12, "%011llo", (unsigned long long)size);
		return;
	}
	field[0] = (char)0x80;
	for (int i = 11; i > 3; i--, size >>= 8)
		field[i] = (char)(size & 0xff);
}

static void tar_header_make(uint64_t size, int64_t time, char h[SECTOR])
{
	unsigned sum = 0;

	memset(h, 0, SECTOR);
	memcpy(h, "disk.raw", 8);
	memcpy(h + 100, "0000644", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	tar_size_put(h + 124, size);
	snprintf(h + 136, 12, "%011llo", (unsigned long long)time);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, "ustar  ", 8);
	memcpy(h + 265, "root", 4);
	memcpy(h + 297, "root", 4);
	for (int i = 0; i < SECTOR; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
}

static int disk_put(int disk, uint64_t size, struct sink *out, struct error *err)
{
	static uint8_t chunk[64 << 10];

	for (uint64_t at = 0; at < size;) {
		size_t want = size - at < sizeof(chunk) ? (size_t)(size - at) : sizeof(chunk);
		ssize_t n = pread(disk, chunk, want, (off_t)at);

		if (n <= 0)
			return error_set(err, n < 0 ? errno : EIO, "disk.raw");
		if (sink_write(out, chunk, (size_t)n, err) < 0)
			return -1;
		at += (uint64_t)n;
	}
	return 0;
}

int media_gcp(int disk, int64_t time, int fd, const char *name, struct error *err)
{
	_cleanup_sink_ struct sink *file = sink_to_fd(fd, name, err), *tar = NULL;
	char header[SECTOR];
	struct stat st;

	if (!file)
		return -1;
	if (fstat(disk, &st) < 0)
		return error_set(err, errno, "disk.raw");
	tar = zip_sink(file, ZIP_GZIP, 0, err);
	if (!tar)
		return -1;
	tar_header_make((uint64_t)st.st_size, time, header);
	if (sink_write(tar, header, sizeof(header), err) < 0 || disk_put(disk, (uint64_t)st.st_size, tar, err) < 0 ||
	    sink_pad(tar, SECTOR, err) < 0 || sink_zero(tar, 2 * SECTOR, err) < 0 ||
	    sink_pad(tar, TAR_RECORD, err) < 0 || sink_finish(tar, err) < 0)
		return -1;
	return sink_finish(file, err);
}
