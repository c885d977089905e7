/* Tools that read no archive get the tree as a temporary directory: GNU tar unpacks it there. As root the directory has
 * the real owners; else fakeroot remembers them from one tool to the next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mkfs_private.h"
#include "outfile.h"
#include "str.h"

static int imager_unpack(const struct tree *t, const struct imager *how, const char *state, const char *root,
			 struct error *err)
{
	char *const argv[] = { "fakeroot",
			       "-s",
			       (char *)state,
			       "--",
			       "tar",
			       "--extract",
			       "--file=-",
			       "--preserve-permissions",
			       "--same-owner",
			       "--numeric-owner",
			       "--xattrs",
			       "--xattrs-include=*",
			       "--delay-directory-restore",
			       "--directory",
			       (char *)root,
			       NULL };
	bool fake = geteuid() != 0;
	struct tool tar = { .package = fake ? "fakeroot" : "tar", .argv = argv + (fake ? 0 : 4), .image = -1 };

	if (tool_run_with_tar(&tar, t, ROOT_ALWAYS, err) == 0)
		return 0;
	if (fake && err && err->code == ENOENT)
		return error_say(err, ENOENT, "%s needs root or fakeroot: install fakeroot", how->needs_root);
	return -1;
}

static int imager_make_image(const struct imager *how, const char *state, const char *root, int fd, int64_t *epoch,
			     struct error *err)
{
	char *argv[IMAGER_ARGS + 6] = { "fakeroot", "-i", (char *)state, "--" };
	bool fake = geteuid() != 0;
	struct tool tool = { .package = fake ? "fakeroot" : how->package,
			     .argv = argv + (fake ? 0 : 4),
			     .image = fd,
			     .source = how->source,
			     .epoch = epoch };
	size_t n = 4;

	for (const char *const *a = how->argv; *a; a++)
		argv[n++] = (char *)*a;
	argv[n] = (char *)root;
	return tool_run(&tool, err);
}

/* tar only warns of what the directory's file system does not take (ext4: some 4 KiB of a file's attributes). */
static int imager_check(const struct tree_node *node, const char *root, struct error *err)
{
	_cleanup_free_ char *path = node->inode->xattrs ? tree_path(node) : NULL, *full = NULL;

	if (node->inode->xattrs) {
		full = path ? str_format("%s/%s", root, path) : NULL;
		if (!full)
			return error_set(err, ENOMEM, "file tree");
	}
	for (const struct tree_xattr *x = node->inode->xattrs; x; x = x->next) {
		_cleanup_free_ uint8_t *value = malloc(x->len + 1U);
		ssize_t n = value ? lgetxattr(full, x->name, value, x->len + 1U) : -1;

		if (n != (ssize_t)x->len || memcmp(value, x->value, x->len) != 0)
			return error_say(
				err, E2BIG,
				"%s: extended attribute %s of %u bytes: the file system of %s cannot hold it, through "
				"which mkfs.erofs before version 1.8 goes (TMPDIR names another; --initrd squashfs or "
				"--format kernel+squashfs does without)",
				*path ? path : "/", x->name, x->len, root);
	}
	for (const struct tree_node *n = node->children; n; n = n->next)
		if (imager_check(n, root, err) < 0)
			return -1;
	return 0;
}

int imager_run(const struct tree *t, const struct imager *how, int fd, int64_t *epoch, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	_cleanup_free_ char *state = NULL, *root = NULL;

	if (temp_dir_make(&dir, NULL, err) < 0)
		return -1;
	state = str_format("%s/owners", dir.path);
	root = str_format("%s/root", dir.path);
	if (!state || !root)
		return error_set(err, ENOMEM, "%s", how->argv[0]);
	if (mkdir(root, 0755) < 0)
		return error_set(err, errno, "%s", root);
	if (imager_unpack(t, how, state, root, err) < 0 || (how->keeps_xattrs && imager_check(t->root, root, err) < 0))
		return -1;
	return imager_make_image(how, state, root, fd, epoch, err);
}
