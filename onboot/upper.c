#include "upper.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "beneath.h"
#include "str.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* File systems of disks that can hold an overlay's upper layer: they have the extended attributes that it wants. */
static bool type_keeps(uint64_t type)
{
	static const uint64_t types[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC };

	for (size_t i = 0; i < array_len(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

int upper_open(const char *path, int *fd, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	_cleanup_close_ int dir = beneath_machine_dir(path, 0755, &why);
	struct statfs st;

	*fd = -1;
	if (dir < 0)
		return why.code == EROFS ? 0 : error_move(err, &why);
	if (fstatfs(dir, &st) < 0)
		return error_set(err, errno, "%s", path);
	if (!type_keeps((uint64_t)st.f_type & UINT32_MAX) || (st.f_flags & ST_RDONLY))
		return 0;
	*fd = steal_fd(&dir);
	return 1;
}
