/* The file, and what the kernel wants to find in it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "loopdev.h"
#include "mapper.h"
#include "swap.h"

#define MAPPING "swapfile"
#define CIPHER  "aes-xts-plain64"

enum { KEY_BYTES = 64, HEADER_AT = 1024, MAGIC_BYTES = 10 };

/* include/linux/swap.h: union swap_header, from byte 1024 of the first page on. */
struct header {
	uint32_t version, last_page, bad_pages;
	uint8_t uuid[16];
	char label[16];
};

static const char magic[] = "SWAPSPACE2";

/* --- the file ------------------------------------------------------------------------------------------------------
 */

/* On btrfs a file that is swapped to must not be copied on write, which is said while it is empty. */
static void copying_stop(int fd)
{
	struct statfs st;
	int flags = 0;

	if (fstatfs(fd, &st) < 0 || (unsigned long)st.f_type != BTRFS_SUPER_MAGIC ||
	    ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags |= FS_NOCOW_FL;
	ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int file_fill(int fd, const char *path, uint64_t bytes, struct error *err)
{
	uint64_t room = 0;
	struct statfs st;

	if (ftruncate(fd, 0) < 0)
		return errno == ETXTBSY ? error_say(err, errno, "%s: it is swapped to, and of another size", path)
					: error_set(err, errno, "%s", path);
	copying_stop(fd);
	if (fstatfs(fd, &st) == 0)
		room = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize;
	if (fallocate(fd, 0, 0, (off_t)bytes) == 0)
		return fsync(fd) < 0 ? error_set(err, errno, "%s", path) : 0;
	if (errno == ENOSPC)
		error_say(err, ENOSPC, "%s: %llu MiB are wanted, and the disk has %llu", path,
			  (unsigned long long)(bytes >> 20), (unsigned long long)(room >> 20));
	else
		error_set(err, errno, "%s: make a file of %llu MiB", path, (unsigned long long)(bytes >> 20));
	(void)!ftruncate(fd, 0);
	return -1;
}

int swap_file(const char *path, uint64_t bytes, struct error *err)
{
	const struct beneath_want want = beneath_file(getuid());
	char name[NAME_MAX + 1];
	_cleanup_close_ int dir = beneath_machine_parent(path, 0, name, err), fd = -1;
	struct stat st;

	if (dir < 0)
		return error_wrap(err, "%s", path);
	fd = beneath_open(dir, name, O_RDWR | O_CREAT, 0600, &want, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || (fchmod(fd, 0600) < 0))
		return error_set(err, errno, "%s", path);
	if ((uint64_t)st.st_size != bytes && file_fill(fd, path, bytes, err) < 0)
		return -1;
	return steal_fd(&fd);
}

/* --- the header ----------------------------------------------------------------------------------------------------
 */

bool swap_header_there(int fd, uint64_t bytes)
{
	long page = sysconf(_SC_PAGESIZE);
	char found[MAGIC_BYTES];
	struct header h;

	return io_pread(fd, found, sizeof(found), page - MAGIC_BYTES) == (ssize_t)sizeof(found) &&
		memcmp(found, magic, MAGIC_BYTES) == 0 &&
		io_pread(fd, &h, sizeof(h), HEADER_AT) == (ssize_t)sizeof(h) && h.version == 1 &&
		h.last_page == bytes / (uint64_t)page - 1;
}

int swap_header(int fd, uint64_t bytes, struct error *err)
{
	long page = sysconf(_SC_PAGESIZE);
	_cleanup_free_ uint8_t *first = calloc(1, (size_t)page);
	struct header h = { .version = 1, .last_page = (uint32_t)(bytes / (uint64_t)page - 1) };

	if (!first)
		return error_set(err, ENOMEM, "swap header");
	if (bytes < 10 * (uint64_t)page || bytes / (uint64_t)page > UINT32_MAX)
		return error_set(err, EINVAL, "swap of %llu bytes", (unsigned long long)bytes);
	if (getrandom(h.uuid, sizeof(h.uuid), 0) != (ssize_t)sizeof(h.uuid))
		return error_set(err, errno, "getrandom");
	memcpy(first + HEADER_AT, &h, sizeof(h));
	memcpy(first + page - MAGIC_BYTES, magic, MAGIC_BYTES);
	if (pwrite(fd, first, (size_t)page, 0) != page || fsync(fd) < 0)
		return error_set(err, errno, "write the swap header");
	return 0;
}

/* --- encrypted -----------------------------------------------------------------------------------------------------
 */

int swap_encrypt(int fd, const char *path, char *device, struct error *err)
{
	char loop_path[LOOPDEV_NAME];
	uint8_t key[KEY_BYTES];
	_cleanup_close_ int loop = loopdev_attach_fd(fd, path, false, loop_path, err);
	int r;

	if (loop < 0)
		return -1;
	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return error_set(err, errno, "getrandom");
	/* the mapping holds the loop device, which goes with it */
	r = mapper_crypt(MAPPING, loop_path, 0, CIPHER, key, sizeof(key), device, err);
	explicit_bzero(key, sizeof(key));
	if (r < 0 && err->code == EBUSY) {
		snprintf(device, DRIVE_PATH, "/dev/mapper/" MAPPING);
		error_clear(err);
		return 1;
	}
	return r;
}
