#include "grow.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "drive.h"
#include "str.h"

/* Of ext4 and XFS, whose headers the kernel does not export: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_fs.h. */
#define EXT4_RESIZE  _IOW('f', 16, uint64_t)
#define XFS_GROW     _IOW('X', 110, struct xfs_growth)
#define XFS_GEOMETRY _IOR('X', 100, struct xfs_geometry)

struct xfs_growth {
	uint64_t blocks;
	uint32_t inode_percent;
};

struct xfs_geometry {
	uint32_t block_size, realtime_extent, group_blocks, groups, log_blocks, sector_size, inode_size, inode_percent;
	uint64_t data_blocks, realtime_blocks, realtime_extents, log_start;
	unsigned char uuid[16];
	uint32_t stripe_unit, stripe_width;
	int32_t version;
	uint32_t flags, log_sector_size, realtime_sector_size, directory_block_size;
};

/* Mounts it without a place in the tree: it is gone with the descriptor, of the root directory. */
static int system_open(const char *device, const char *type, struct error *err)
{
	_cleanup_close_ int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), mount = -1;
	int fd;

	if (context < 0)
		return errno == ENODEV ? error_say(err, errno, "%s: the kernel has no %s", device, type)
				       : error_set(err, errno, "%s", device);
	if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", device, 0) < 0 ||
	    syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_set(err, errno, "%s: mount it to make it larger", device);
	mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		return error_set(err, errno, "%s: mount it to make it larger", device);
	fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "%s", device) : fd;
}

static int device_bytes(const char *device, uint64_t *bytes, struct error *err)
{
	_cleanup_close_ int fd = drive_open(device, false, err);

	if (fd < 0)
		return -1;
	return ioctl(fd, BLKGETSIZE64, bytes) < 0 ? error_set(err, errno, "%s", device) : 0;
}

static int ext4_grow(int fd, uint64_t bytes)
{
	struct statfs st;
	uint64_t blocks;

	if (fstatfs(fd, &st) < 0)
		return -1;
	blocks = bytes / (uint64_t)st.f_bsize;
	return ioctl(fd, EXT4_RESIZE, &blocks);
}

static int xfs_grow(int fd, uint64_t bytes)
{
	struct xfs_geometry now;
	struct xfs_growth wanted;

	if (ioctl(fd, XFS_GEOMETRY, &now) < 0)
		return -1;
	wanted = (struct xfs_growth){ .blocks = bytes / now.block_size, .inode_percent = now.inode_percent };
	return wanted.blocks > now.data_blocks ? ioctl(fd, XFS_GROW, &wanted) : 0;
}

static int btrfs_grow(int fd, uint64_t bytes)
{
	struct btrfs_ioctl_vol_args wanted = { .name = "max" };

	(void)bytes;
	return ioctl(fd, BTRFS_IOC_RESIZE, &wanted);
}

static const struct {
	const char *type;
	int (*grow)(int fd, uint64_t bytes);
} kinds[] = {
	{ "ext4", ext4_grow },
	{ "xfs", xfs_grow },
	{ "btrfs", btrfs_grow },
};

static uint64_t system_blocks(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) < 0 ? 0 : st.f_blocks;
}

int grow(const char *device, const char *type, struct error *err)
{
	_cleanup_close_ int fd = system_open(device, type, err);
	uint64_t bytes, before;

	if (fd < 0 || device_bytes(device, &bytes, err) < 0)
		return -1;
	before = system_blocks(fd);
	for (size_t i = 0; i < array_len(kinds); i++)
		if (str_eq(kinds[i].type, type) && kinds[i].grow(fd, bytes) < 0)
			return error_set(err, errno, "%s: make the %s larger%s", device, type,
					 errno == EPERM ? " (it wants CAP_SYS_RESOURCE)" : "");
	if (syncfs(fd) < 0)
		return error_set(err, errno, "%s", device);
	return system_blocks(fd) > before;
}
