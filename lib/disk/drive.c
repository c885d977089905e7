#include "drive.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "io.h"
#include "str.h"

/* --- names ---------------------------------------------------------------------------------------------------------
 */

/* The letters of a disk are a number: a to z, then aa. */
static size_t letters_prefix(const char *name)
{
	static const char *const prefixes[] = { "sd", "vd", "xvd", "hd" };

	for (size_t i = 0; i < array_len(prefixes); i++)
		if (str_starts(name, prefixes[i]))
			return strlen(prefixes[i]);
	return 0;
}

int device_compare(const char *a, const char *b)
{
	size_t prefix = letters_prefix(a);

	if (prefix && strncmp(a, b, prefix) == 0) {
		size_t na = strspn(a + prefix, "abcdefghijklmnopqrstuvwxyz"),
		       nb = strspn(b + prefix, "abcdefghijklmnopqrstuvwxyz");

		if (na != nb)
			return na < nb ? -1 : 1;
	}
	return strverscmp(a, b);
}

static int names_compare(const void *a, const void *b)
{
	return device_compare(*(char *const *)a, *(char *const *)b);
}

void partition_name(char out[DRIVE_NAME], const char *drive, unsigned number)
{
	size_t n = strlen(drive);

	snprintf(out, DRIVE_NAME, "%.48s%s%u", drive, n && isdigit((unsigned char)drive[n - 1]) ? "p" : "", number);
}

int device_name(const char *sys, const char *path, char out[DRIVE_NAME], struct error *err)
{
	char target[PATH_MAX];
	_cleanup_free_ char *link = NULL;
	const char *slash;
	struct stat st;
	ssize_t n;

	if (stat(path, &st) < 0)
		return error_set(err, errno, "%s", path);
	if (!S_ISBLK(st.st_mode))
		return error_say(err, ENOTBLK, "%s: not a block device", path);
	link = str_format("%s/dev/block/%u:%u", sys, major(st.st_rdev), minor(st.st_rdev));
	if (!link)
		return error_set(err, ENOMEM, "%s", path);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return error_set(err, errno, "%s: %s", path, link);
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, DRIVE_NAME, "%.*s", DRIVE_NAME - 1, slash ? slash + 1 : target);
	return 0;
}

/* --- sysfs ---------------------------------------------------------------------------------------------------------
 */

/* The number in /sys/class/block/NAME/FILE; 0 where there is none. */
static uint64_t device_number(const char *sys, const char *name, const char *file)
{
	_cleanup_free_ char *path = str_format("%s/class/block/%s/%s", sys, name, file);
	_cleanup_free_ char *line = path ? file_line(path, NULL) : NULL;
	uint64_t n = 0;

	return line && str_to_u64(line, UINT64_MAX, &n) == 0 ? n : 0;
}

static bool device_has(const char *sys, const char *name, const char *file)
{
	_cleanup_free_ char *path = str_format("%s/class/block/%s/%s", sys, name, file);
	struct stat st;

	return path && stat(path, &st) == 0;
}

int partition_drive(const char *sys, const char *name, char out[DRIVE_NAME])
{
	_cleanup_free_ char *link = str_format("%s/class/block/%s", sys, name), *path = NULL;
	char *slash;

	if (!link || !device_has(sys, name, "partition"))
		return -1;
	path = realpath(link, NULL); /* .../vda/vda1 */
	slash = path ? strrchr(path, '/') : NULL;
	if (!slash)
		return -1;
	*slash = '\0';
	slash = strrchr(path, '/');
	snprintf(out, DRIVE_NAME, "%.*s", DRIVE_NAME - 1, slash ? slash + 1 : path);
	return 0;
}

static bool device_is_held(const char *sys, const char *name)
{
	_cleanup_free_ char *path = str_format("%s/class/block/%s/holders", sys, name);
	_cleanup_strv_ char **holders = path ? dir_names(AT_FDCWD, path, false, NULL) : NULL;

	return holders && *holders;
}

static bool name_has_prefix(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (str_starts(name, *prefixes))
			return true;
	return false;
}

static bool device_is_drive(const char *sys, const char *name)
{
	static const char *const others[] = { "loop", "nbd", "dm-", "sr", NULL };
	bool emmc_area = str_starts(name, "mmcblk") && (strstr(name, "boot") || strstr(name, "rpmb"));

	return !name_has_prefix(name, others) && !emmc_area && !device_has(sys, name, "partition") &&
		device_number(sys, name, "ro") == 0 && !device_is_held(sys, name);
}

static char **devices_list(const char *sys, bool drives, struct error *err)
{
	static const char *const never[] = { "ram", "zram", "fd", NULL };
	_cleanup_free_ char *path = str_format("%s/class/block", sys);
	_cleanup_strv_ char **all = path ? dir_names(AT_FDCWD, path, false, err) : NULL;
	char **found = calloc(1, sizeof(*found));

	for (char **n = all; found && n && *n; n++)
		if (!name_has_prefix(*n, never) && device_number(sys, *n, "size") > 0 &&
		    (!drives || device_is_drive(sys, *n)) && strv_add(&found, *n) < 0) {
			strv_free(found);
			found = NULL;
		}
	if (!all || !found) {
		if (all || !path)
			error_set(err, ENOMEM, "%s", sys);
		strv_free(found);
		return NULL;
	}
	qsort(found, strv_len(found), sizeof(*found), names_compare);
	return found;
}

char **drives_find(const char *sys, struct error *err)
{
	return devices_list(sys, true, err);
}

char **devices_find(const char *sys, struct error *err)
{
	return devices_list(sys, false, err);
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

int drive_open(const char *path, bool write, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int read_only = 0;

	if (fd < 0)
		return error_set(err, errno, "%s", path);
	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode))
		return error_say(err, ENOTBLK, "%s: not a block device", path);
	if (!write)
		return steal_fd(&fd);
	if (ioctl(fd, BLKROGET, &read_only) < 0)
		return error_set(err, errno, "%s", path);
	if (read_only)
		return error_say(err, EROFS, "%s: the disk is read-only", path);
	close(steal_fd(&fd));
	fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno == EBUSY)
		return error_say(err, EBUSY, "%s: in use: mounted, swapped to, or part of something else", path);
	return fd < 0 ? error_set(err, errno, "%s", path) : steal_fd(&fd);
}

/* --- the kernel's partitions ---------------------------------------------------------------------------------------
 */

static int partition_call(int fd, int op, unsigned number, uint64_t start, uint64_t length)
{
	struct blkpg_partition part = { .start = (long long)start, .length = (long long)length, .pno = (int)number };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(part), .data = &part };

	return ioctl(fd, BLKPG, &arg);
}

int partition_tell(int fd, unsigned number, uint64_t start, uint64_t length, struct error *err)
{
	for (unsigned i = 1; i <= 128; i++)
		if (i != number && partition_call(fd, BLKPG_DEL_PARTITION, i, 0, 0) < 0 && errno != ENXIO &&
		    errno != EINVAL)
			return error_set(err, errno, "partition %u", i);
	/* one that begins there stays the same device */
	if (partition_call(fd, BLKPG_RESIZE_PARTITION, number, start, length) == 0)
		return 0;
	if (partition_call(fd, BLKPG_DEL_PARTITION, number, 0, 0) < 0 && errno != ENXIO && errno != EINVAL)
		return error_set(err, errno, "partition %u", number);
	if (partition_call(fd, BLKPG_ADD_PARTITION, number, start, length) < 0)
		return error_set(err, errno, "tell the kernel of partition %u", number);
	return 0;
}

int partition_resized(int fd, unsigned number, uint64_t start, uint64_t length, struct error *err)
{
	if (partition_call(fd, BLKPG_RESIZE_PARTITION, number, start, length) == 0)
		return 0;
	if (errno == ENXIO && partition_call(fd, BLKPG_ADD_PARTITION, number, start, length) == 0)
		return 0;
	return error_set(err, errno, "tell the kernel of partition %u", number);
}
