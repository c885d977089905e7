/* File system images by the mkfs tools, which read the tree as a tar stream from standard input. The image is written
 * through a descriptor of ours (/proc/self/fd/3 in the tool), so that it has no name while it is incomplete. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "io.h"
#include "outfile.h"
#include "output.h"
#include "progress.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"
#include "tree_private.h"

#define IMAGE_FD   3
#define IMAGE_PATH "/proc/self/fd/3"
/* The same input must give the same image: no random identity. */
#define IMAGE_UUID "70697468-0000-4000-8000-000000000000"

struct tool {
	const char *package; /* Debian's, for a message */
	char *const *argv;
	int image;      /* -1: none */
	int64_t *epoch; /* build time for the tool, NULL: none */
};

/* Our environment, with SOURCE_DATE_EPOCH as the tool shall have it: one of the caller's would change the image. */
static char **environment(const struct tool *tool)
{
	char **env = NULL;

	for (char **e = environ; *e; e++)
		if (!str_starts(*e, "SOURCE_DATE_EPOCH=") && strv_add(&env, *e) < 0)
			goto fail;
	if (tool->epoch && strv_addf(&env, "SOURCE_DATE_EPOCH=%lld", (long long)*tool->epoch) < 0)
		goto fail;
	return env ? env : calloc(1, sizeof(*env));
fail:
	strv_free(env);
	return NULL;
}

static int missing(const struct tool *tool, struct error *err)
{
	if (err->code == ENOENT)
		return error_say(err, ENOENT, "%s is not installed (Debian package %s)", tool->argv[0], tool->package);
	return -1;
}

/* Starts a tool with its messages going into *log. */
static pid_t start(const struct tool *tool, int input, int *log, struct error *err)
{
	struct spawn_fd fds[4];
	struct spawn s = { .path = tool->argv[0], .argv = tool->argv, .fds = fds, .death_signal = SIGKILL };
	_cleanup_strv_ char **env = environment(tool);
	struct error why = { 0 };
	pid_t pid;

	if (!env)
		return error_set(err, ENOMEM, "%s", tool->argv[0]);
	s.env = env;
	*log = toollog_open(err);
	if (*log < 0)
		return -1;
	if (input >= 0)
		fds[s.fd_count++] = (struct spawn_fd){ input, 0 };
	fds[s.fd_count++] = (struct spawn_fd){ *log, 1 };
	fds[s.fd_count++] = (struct spawn_fd){ *log, 2 };
	if (tool->image >= 0)
		fds[s.fd_count++] = (struct spawn_fd){ tool->image, IMAGE_FD };
	pid = spawn(&s, &why);
	if (pid < 0) {
		missing(tool, &why);
		return error_move(err, &why);
	}
	return pid;
}

static int finish(const struct tool *tool, pid_t pid, int log, struct error *err)
{
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_free_ char *line = NULL;
	int status, image = tool->image;

	if (image >= 0) { /* it may take longer than all that came before */
		progress_begin(&progress, 0, 0, "%s makes the image", tool->argv[0]);
		progress_wait(pid, 0, progress_file, &image);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "%s", tool->argv[0]);
	if (status == 0)
		return 0;
	line = toollog_reason(log);
	return error_say(err, 0, "%s failed (%s)%s%s", tool->argv[0], spawn_status_text(status), line ? ": " : "",
			 line ? line : "");
}

static int run(const struct tool *tool, struct error *err)
{
	_cleanup_close_ int log = -1;
	pid_t pid = start(tool, -1, &log, err);

	return pid < 0 ? -1 : finish(tool, pid, log, err);
}

static int write_stream(const struct tree *t, enum tar_root root, int fd, const char *name, struct error *err)
{
	_cleanup_sink_ struct sink *out = sink_to_fd(fd, name, err);

	if (!out || tree_write_tar_root(t, root, out, err) < 0)
		return -1;
	return sink_finish(out, err);
}

/* Runs a tool with the tree as a tar archive on its standard input. */
static int run_with_tar(const struct tool *tool, const struct tree *t, enum tar_root root, struct error *err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	_cleanup_error_ struct error written = { 0 };
	_cleanup_close_ int ours = -1, theirs = -1, log = -1;
	int pipe_fds[2], r;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(err, errno, "%s", tool->argv[0]);
	theirs = pipe_fds[0];
	ours = pipe_fds[1];
	pid = start(tool, theirs, &log, err);
	if (pid < 0)
		return -1;
	close(steal_fd(&theirs));
	sigaction(SIGPIPE, &ignore, &before); /* a tool that dies is told by its status */
	r = write_stream(t, root, ours, tool->argv[0], &written);
	sigaction(SIGPIPE, &before, NULL);
	if (r < 0 && written.code != EPIPE)
		kill(pid, SIGKILL); /* it must not take what it has for the whole */
	close(steal_fd(&ours));
	if (r < 0 && written.code != EPIPE) {
		finish(tool, pid, log, NULL);
		return error_move(err, &written);
	}
	if (finish(tool, pid, log, err) < 0)
		return -1;
	return r < 0 ? error_move(err, &written) : 0;
}

/* The newest time in the tree, as build time (SOURCE_DATE_EPOCH): it keeps all files' times as they are and the image
 * deterministic. erofs makes inodes with this very time small, as they take it from the superblock; sqfstar, which
 * gives the root the time of day, clamps that to it. */
static int64_t newest_below(const struct tree_node *node)
{
	int64_t time = node->inode->mtime;

	for (const struct tree_node *n = node->children; n; n = n->next) {
		int64_t below = newest_below(n);

		if (below > time)
			time = below;
	}
	return time;
}

static int64_t build_time(const struct tree *t)
{
	int64_t time = newest_below(t->root);

	return time < 0 ? 0 : time > UINT32_MAX ? UINT32_MAX : time;
}

int tree_write_squashfs(const struct tree *t, int fd, struct error *err)
{
	static const char *const prefixes[] = { "user.", "trusted.", "security.", NULL };
	static const struct format_limits limits = { "squashfs", TREE_NAME_MAX, prefixes, UINT16_MAX + 1 };
	const struct tree_inode *root = t->root->inode;
	int64_t epoch = build_time(t);
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
	return run_with_tar(&tool, t, ROOT_NEVER, err);
}

/* --- erofs --- */

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
	pid_t pid = start(&tool, -1, &log, err);

	if (pid < 0)
		return -1;
	finish(&tool, pid, log, NULL); /* old versions fail when asked for help */
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

	return run_with_tar(&tool, t, ROOT_ALWAYS, err);
}

/* --- from a directory --- */

/* Puts the tree into a directory and has a tool make an image of it: the directory is added to its arguments (at most
 * IMAGER_ARGS). As root the directory has the real owners; else fakeroot remembers them from one tool to the next. */
enum { IMAGER_ARGS = 24 };

struct imager {
	const char *package; /* Debian's */
	const char *const *argv;
	const char *needs_root; /* what is to be said where there is no fakeroot */
	bool keeps_xattrs;
};

static int unpack(const struct tree *t, const struct imager *how, const char *state, const char *root,
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

	if (run_with_tar(&tar, t, ROOT_ALWAYS, err) == 0)
		return 0;
	if (fake && err && err->code == ENOENT)
		return error_say(err, ENOENT, "%s needs root or fakeroot: install fakeroot", how->needs_root);
	return -1;
}

static int image_of(const struct imager *how, const char *state, const char *root, int fd, int64_t *epoch,
		    struct error *err)
{
	char *argv[IMAGER_ARGS + 6] = { "fakeroot", "-i", (char *)state, "--" };
	bool fake = geteuid() != 0;
	struct tool tool = {
		.package = fake ? "fakeroot" : how->package, .argv = argv + (fake ? 0 : 4), .image = fd, .epoch = epoch
	};
	size_t n = 4;

	for (const char *const *a = how->argv; *a; a++)
		argv[n++] = (char *)*a;
	argv[n] = (char *)root;
	return run(&tool, err);
}

/* tar only warns of what the directory's file system does not take (ext4: some 4 KiB of a file's attributes). */
static int check_unpacked(const struct tree_node *node, const char *root, struct error *err)
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
		if (check_unpacked(n, root, err) < 0)
			return -1;
	return 0;
}

static int from_directory(const struct tree *t, const struct imager *how, int fd, int64_t *epoch, struct error *err)
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
	if (unpack(t, how, state, root, err) < 0 || (how->keeps_xattrs && check_unpacked(t->root, root, err) < 0))
		return -1;
	return image_of(how, state, root, fd, epoch, err);
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
	return from_directory(t, &how, fd, epoch, err);
}

int tree_write_erofs(const struct tree *t, int fd, struct error *err)
{
	static const char *const prefixes[] = { "user.", "trusted.", "security.", "system.posix_acl_", NULL };
	struct format_limits limits = { "erofs", TREE_NAME_MAX, prefixes, UINT16_MAX };
	int64_t epoch = build_time(t);
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

/* --- iso --- */

/* Rock Ridge for names, owners and links, Joliet as LinuxKit's have it. Directories stay where they are however deep
 * (-D), files may be larger than 4 GiB (level 3). Hard links share their content without being links: as such they
 * would bring the inode numbers of the temporary directory along. */
int tree_write_iso(const struct tree *t, int fd, struct error *err)
{
	static const char *const argv[] = { "xorriso",
					    "-as",
					    "mkisofs",
					    "-quiet",
					    "-R",
					    "-J",
					    "-joliet-long",
					    "-D",
					    "-iso-level",
					    "3",
					    "--set_all_file_dates",
					    "set_to_mtime",
					    "-V",
					    "LinuxKit",
					    "-o",
					    "stdio:/dev/fd/3",
					    NULL };
	static const struct imager how = { "xorriso", argv, "making an ISO image" };
	int64_t epoch = build_time(t);

	static_assert(array_len(argv) <= IMAGER_ARGS, "there is room for the arguments");
	return from_directory(t, &how, fd, &epoch, err);
}
