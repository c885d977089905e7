/* erofs images, by mkfs.erofs: from 1.8 on out of a tar stream, before over a temporary directory. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "mkfs_private.h"
#include "output.h"

/* The same input must give the same image: no random identity. */
#define IMAGE_UUID "70697468-0000-4000-8000-000000000000"

/* Clusters of 16 KiB: a program's first run touches scattered pages, and each fault unpacks a whole cluster. Measured
 * with bench/boot, from PID 1 to the first container of runc: 223 ms at 64 KiB, 198 ms at 16 KiB and at 4 KiB, which is
 * 9 % larger. */
#define EROFS_OPTIONS "-zlz4hc,9", "-C16384", "-U" IMAGE_UUID, "--quiet"

/* Version 1.8 reads tar archives; what the program says of itself is the only way to know. */
static int erofs_reads_tar(bool *out, struct error *err)
{
	static char *const argv[] = { "mkfs.erofs", "--help", NULL };
	struct tool tool = { .package = "erofs-utils", .argv = argv, .image = -1 };
	_cleanup_close_ int log = -1;
	_cleanup_buf_ struct buf text = { 0 };
	uint8_t *room;
	ssize_t n;
	pid_t pid = tool_start(&tool, -1, &log, err);

	if (pid < 0)
		return -1;
	tool_finish(&tool, pid, log, NULL); /* old versions fail when asked for help */
	room = buf_reserve(&text, 16384);
	n = room ? io_pread(log, room, 16384, 0) : -1;
	if (n < 0)
		return error_set(err, ENOMEM, "mkfs.erofs");
	buf_commit(&text, (size_t)n);
	*out = strstr(buf_text(&text), "--tar") != NULL;
	return 0;
}

static int erofs_from_tar(const struct tree *t, int fd, int64_t *epoch, struct error *err)
{
	static char *const argv[] = { "mkfs.erofs", "--tar=f", EROFS_OPTIONS, IMAGE_PATH, NULL };
	struct tool tool = { .package = "erofs-utils", .argv = argv, .image = fd, .epoch = epoch };

	return tool_run_with_tar(&tool, t, ROOT_ALWAYS, err);
}

/* mkfs.erofs cannot read extended attributes through fakeroot (it asks for their size first, which fakeroot refuses).
 */
static int erofs_from_directory(const struct tree *t, int fd, int64_t *epoch, struct error *err)
{
	static const char *const argv[] = { "mkfs.erofs", EROFS_OPTIONS, IMAGE_PATH, NULL };
	static const struct imager how = { "erofs-utils", argv,
					   "making an erofs image with this mkfs.erofs (older than 1.8)", true };
	const struct tree_node *special = geteuid() != 0 ? tree_with_xattrs(t->root) : NULL;

	if (special)
		return error_say(
			err, EPERM,
			"%s has extended attributes, which mkfs.erofs before version 1.8 can only keep as root",
			special->name);
	return imager_run(t, &how, fd, epoch, err);
}

int tree_write_erofs(const struct tree *t, int fd, struct error *err)
{
	static const char *const prefixes[] = { "user.", "trusted.", "security.", "system.posix_acl_", NULL };
	struct format_limits limits = { "erofs", TREE_NAME_MAX, prefixes, UINT16_MAX };
	int64_t epoch = tree_build_time(t);
	bool reads_tar = false;

	if (erofs_reads_tar(&reads_tar, err) < 0)
		return -1;
	if (!reads_tar) { /* version 1.5 does not take a name of 255 bytes */
		limits.format = "mkfs.erofs before version 1.8";
		limits.name_max = TREE_NAME_MAX - 1;
	}
	if (tree_fits(t, &limits, err) < 0)
		return -1;
	return reads_tar ? erofs_from_tar(t, fd, &epoch, err) : erofs_from_directory(t, fd, &epoch, err);
}
