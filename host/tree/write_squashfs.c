/* squashfs images, by mksquashfs out of a tar stream. Its other name for that, sqfstar, takes no level of compression
 * (4.5.1 loses the option's value).
 *
 * zstd by level 8: with the default, 15, an image takes ten times as long and is 6 % smaller. Both are smaller than
 * what mksquashfs makes by gzip, its own default. */
#include <stdio.h>

#include "mkfs_private.h"
#include "output.h"

int tree_write_squashfs(const struct tree *t, int fd, struct error *err)
{
	static const char *const prefixes[] = { "user.", "trusted.", "security.", NULL };
	static const struct format_limits limits = { "squashfs", TREE_NAME_MAX, prefixes, UINT16_MAX + 1 };
	const struct tree_inode *root = t->root->inode;
	int64_t epoch = tree_build_time(t);
	char uid[16], gid[16], mode[16];
	char *const argv[] = { "mksquashfs",
			       "-",
			       IMAGE_PATH,
			       "-tar",
			       "-noappend",
			       "-comp",
			       "zstd",
			       "-Xcompression-level",
			       "8",
			       "-b",
			       "128K",
			       "-mem",
			       "48M",
			       "-quiet",
			       "-no-progress",
			       "-exit-on-error",
			       "-root-uid",
			       uid,
			       "-root-gid",
			       gid,
			       "-root-mode",
			       mode,
			       NULL };
	struct tool tool = { .package = "squashfs-tools", .argv = argv, .image = fd, .epoch = &epoch };

	/* it ignores an archive's entry for the root */
	snprintf(uid, sizeof(uid), "%u", root->uid);
	snprintf(gid, sizeof(gid), "%u", root->gid);
	snprintf(mode, sizeof(mode), "%o", root->mode);
	if (tree_fits(t, &limits, err) < 0)
		return -1;
	return tool_run_with_tar(&tool, t, ROOT_NEVER, err);
}
