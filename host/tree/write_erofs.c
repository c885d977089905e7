/* erofs images, by mkfs.erofs: from 1.8 on out of a tar stream, before over a temporary directory. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "mkfs_private.h"
#include "output.h"
#include "str.h"

/* The same input must give the same image: no random identity. */
#define IMAGE_UUID "70697468-0000-4000-8000-000000000000"

/* Clusters of 16 KiB: a program's first run touches scattered pages, and each fault unpacks a whole cluster. Measured
 * with bench/boot, from PID 1 to the first container of runc: 223 ms at 64 KiB, 198 ms at 16 KiB and at 4 KiB, which is
 * 9 % larger. */
#define EROFS_OPTIONS "-C16384", "--compress-hints=" SOURCE_PATH, "-U" IMAGE_UUID, "--quiet"

/* The OCI runtime is nearly all that a boot reads, three times for each container, and not compressed: to unpack it was
 * two fifths of the way to the first container. It takes 4.6 MiB more, in memory where the image lies there. A small
 * image is for a small machine, which has no such room: hello.yml has to run in 48 MiB, also on a busy host. */
enum { SMALL = 24 << 20 };
static const char *const plain[] = { "usr/bin/runc", "usr/sbin/runc", "usr/bin/crun" };

/* A program of this size and more is started once in a machine's life, if at all: it takes a twelfth less in clusters
 * that are four times as large. */
enum { LARGE = 16 << 20, LARGE_CLUSTER = 65536 };

/* lz4hc makes an image a seventh smaller than lz4 and reads as fast, but takes ten to sixty times as long, on one
 * processor (before version 1.8). An image around which an initrd is put is memory of its machine: for those of the
 * usual size it is worth the seconds, for one with hundreds of megabytes it is not worth the minute. */
#define EROFS_SLOW_MAX ((uint64_t)256 << 20)

static const char *erofs_method(const struct tree *t)
{
	return tree_size(t) <= EROFS_SLOW_MAX ? "-zlz4hc,9" : "-zlz4";
}

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

/* --- hints: for mkfs.erofs, "SIZE REGEX" a line: of a cluster, 0: not compressed ------------------------------------
 */

/* A path with a newline is none that matters. */
static int hint_add(struct buf *out, unsigned size, const char *path)
{
	int r = buf_addf(out, "%u ^", size);

	for (const char *p = path; r == 0 && *p; p++)
		r = buf_addf(out, strchr(".[]()*+?{}|^$\\", *p) ? "\\%c" : "%c", *p);
	return r == 0 ? buf_addstr(out, "$\n") : r;
}

static int hints_add_large(struct buf *out, const struct tree_node *dir)
{
	for (const struct tree_node *n = dir->children; n; n = n->next) {
		bool large = n->inode->type == TREE_FILE && n->inode->size >= LARGE;
		_cleanup_free_ char *path = large ? tree_path(n) : NULL;

		if ((large && !path) || (large && !strchr(path, '\n') && hint_add(out, LARGE_CLUSTER, path) < 0) ||
		    hints_add_large(out, n) < 0)
			return -1;
	}
	return 0;
}

/* The caller closes it. */
static int hints_open(const struct tree *t, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("hints", MFD_CLOEXEC);
	_cleanup_buf_ struct buf text = { 0 };
	bool small = tree_size(t) < SMALL;

	for (size_t i = 0; !small && i < array_len(plain); i++)
		if (hint_add(&text, 0, plain[i]) < 0)
			return error_set(err, ENOMEM, "mkfs.erofs");
	if (hints_add_large(&text, t->root) < 0)
		return error_set(err, ENOMEM, "mkfs.erofs");
	if (fd < 0 || io_write(fd, buf_bytes(&text), text.len) < 0)
		return error_set(err, errno, "mkfs.erofs");
	return steal_fd(&fd);
}

/* --- the image ------------------------------------------------------------------------------------------------------
 */

static int erofs_from_tar(const struct tree *t, int fd, int sizes, int64_t *epoch, struct error *err)
{
	char *const argv[] = { "mkfs.erofs", "--tar=f", (char *)erofs_method(t), EROFS_OPTIONS, IMAGE_PATH, NULL };
	struct tool tool = { .package = "erofs-utils", .argv = argv, .image = fd, .source = &sizes, .epoch = epoch };

	return tool_run_with_tar(&tool, t, ROOT_ALWAYS, err);
}

/* mkfs.erofs cannot read extended attributes through fakeroot (it asks for their size first, which fakeroot refuses).
 */
static int erofs_from_directory(const struct tree *t, int fd, int sizes, int64_t *epoch, struct error *err)
{
	const char *const argv[] = { "mkfs.erofs", erofs_method(t), EROFS_OPTIONS, IMAGE_PATH, NULL };
	const struct imager how = { .package = "erofs-utils",
				    .argv = argv,
				    .needs_root = "making an erofs image with this mkfs.erofs (older than 1.8)",
				    .source = &sizes,
				    .keeps_xattrs = true };
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
	_cleanup_close_ int sizes = -1;
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
	sizes = hints_open(t, err);
	if (sizes < 0)
		return -1;
	return reads_tar ? erofs_from_tar(t, fd, sizes, &epoch, err) : erofs_from_directory(t, fd, sizes, &epoch, err);
}
