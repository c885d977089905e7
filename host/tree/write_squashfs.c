/* squashfs images, by sqfstar of squashfs-tools. */
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
	char *const argv[] = {
		"sqfstar",      "-comp",          "zstd",   "-b",        "128K", "-mem",      "48M", "-quiet",
		"-no-progress", "-exit-on-error", "-force", "-root-uid", uid,    "-root-gid", gid,   "-root-mode",
		mode,           IMAGE_PATH,       NULL
	};
	struct tool tool = { .package = "squashfs-tools", .argv = argv, .image = fd, .epoch = &epoch };

	/* sqfstar ignores an archive's entry for the root */
	snprintf(uid, sizeof(uid), "%u", root->uid);
	snprintf(gid, sizeof(gid), "%u", root->gid);
	snprintf(mode, sizeof(mode), "%o", root->mode);
	if (tree_fits(t, &limits, err) < 0)
		return -1;
	return tool_run_with_tar(&tool, t, ROOT_NEVER, err);
}
