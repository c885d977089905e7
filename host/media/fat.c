/* FAT32 file systems inside an image, by mkfs.vfat and mtools, and the table of partitions around them, by sfdisk. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "media_private.h"
#include "str.h"
#include "tool.h"

/* FAT32 has at least 65525 clusters. */
enum { FAT_SIZE_MIN = 36 * MIB, FAT_SMALL = 260 * MIB, FAT_SLACK = 2 * MIB };

int fat_size(const struct fat_file *files, size_t n, uint64_t *size, struct error *err)
{
	uint64_t content = 0;
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		if (stat(files[i].from, &st) < 0)
			return error_set(err, errno, "%s", files[i].from);
		if ((uint64_t)st.st_size > UINT32_MAX)
			return error_say(err, EFBIG,
					 "%s would have %llu MiB, and FAT takes files of less than 4096 MiB",
					 files[i].to, (unsigned long long)st.st_size / MIB);
		content += (uint64_t)st.st_size;
	}
	/* two tables of 4 bytes for each cluster of at least 512 bytes, and what the boot loader installs */
	*size = content + content / 50 + FAT_SLACK;
	if (*size < FAT_SIZE_MIN)
		*size = FAT_SIZE_MIN;
	*size = (*size + MIB - 1) / MIB * MIB;
	return 0;
}

int image_reserve(int fd, uint64_t size, uint64_t used, struct error *err)
{
	if (ftruncate(fd, (off_t)size) < 0)
		return error_set(err, errno, "a disk of %llu MiB", (unsigned long long)size / MIB);
	if (fallocate(fd, 0, 0, (off_t)used) < 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return error_set(err, errno, "a disk that needs %llu MiB", (unsigned long long)used / MIB);
	return 0;
}

static int fat_run(char *const argv[], const char *package, int fd, int64_t time, struct error *err)
{
	struct tool tool = { .package = package, .argv = argv, .image = fd, .epoch = &time };

	return tool_run(&tool, err);
}

static int fat_format(int fd, uint64_t offset, uint64_t size, int64_t time, struct error *err)
{
	_cleanup_free_ char *start = str_format("%llu", (unsigned long long)offset / SECTOR),
			    *blocks = str_format("%llu", (unsigned long long)size / 1024);
	char *cluster = size < FAT_SMALL ? "1" : "8"; /* sectors; also chosen by the disk's size otherwise */
	/* The sectors before it are noted in it, too: a boot loader counts from the disk's first one. Nobody counts in
	 * heads and tracks any more, but mtools want whole tracks, and mkfs.vfat would choose them by the disk's size.
	 */
	char *const argv[] = { "mkfs.vfat", "-F",  "32",         "--invariant", "-s",       cluster, "-g",
			       "64/32",     "-i",  MEDIA_SERIAL, "-n",          "LINUXKIT", "-h",    start,
			       "--offset",  start, IMAGE_PATH,   blocks,        NULL };

	if (!start || !blocks)
		return error_set(err, ENOMEM, "mkfs.vfat");
	return fat_run(argv, "dosfstools", fd, time, err);
}

int fat_make(int fd, uint64_t offset, uint64_t size, int64_t time, const char *const *dirs,
	     const struct fat_file *files, size_t n, struct error *err)
{
	_cleanup_free_ char *image = str_format("%s@@%llu", IMAGE_PATH, (unsigned long long)offset);

	if (!image)
		return error_set(err, ENOMEM, "FAT");
	if (fat_format(fd, offset, size, time, err) < 0)
		return -1;
	for (; dirs && *dirs; dirs++) {
		_cleanup_free_ char *name = str_format("::%s", *dirs);
		char *const argv[] = { "mmd", "-i", image, name, NULL };

		if (!name || fat_run(argv, "mtools", fd, time, err) < 0)
			return name ? -1 : error_set(err, ENOMEM, "FAT");
	}
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = str_format("::%s", files[i].to);
		char *const argv[] = { "mcopy", "-i", image, (char *)files[i].from, name, NULL };

		if (!name || fat_run(argv, "mtools", fd, time, err) < 0)
			return name ? -1 : error_set(err, ENOMEM, "FAT");
	}
	return 0;
}

int disk_size(uint64_t asked, uint64_t needed, uint64_t *out, struct error *err)
{
	if (asked && asked < needed)
		return error_say(err, EFBIG, "--size %lluM: the disk needs at least %lluM",
				 (unsigned long long)asked / MIB, (unsigned long long)needed / MIB);
	*out = asked ? asked / SECTOR * SECTOR : needed;
	return 0;
}

int partition_write(int fd, const char *script, struct error *err)
{
	char *const argv[] = { "sfdisk",       "-q",
			       "--no-reread",  "--no-tell-kernel",
			       "--wipe=never", "--wipe-partitions=never",
			       IMAGE_PATH,     NULL };
	struct tool tool = { .package = "fdisk", .argv = argv, .image = fd };
	_cleanup_close_ int input = memfd_create("partitions", MFD_CLOEXEC), log = -1;
	pid_t pid;

	if (input < 0 || io_write(input, script, strlen(script)) < 0 || lseek(input, 0, SEEK_SET) < 0)
		return error_set(err, errno, "partitions");
	pid = tool_start(&tool, input, &log, err);
	return pid < 0 ? -1 : tool_finish(&tool, pid, log, err);
}
