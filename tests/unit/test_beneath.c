/* lib/sys: opening what somebody else can write. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "tap.h"

static int root;

static int try_open(const char *path, int flags, struct beneath_want want)
{
	_cleanup_error_ struct error err = { 0 };
	int fd = beneath_open(root, path, flags, 0600, &want, &err);

	if (fd < 0)
		return err.code;
	close(fd);
	return 0;
}

static void make_file(const char *path, const char *text)
{
	int fd = openat(root, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || io_write(fd, text, strlen(text)) < 0)
		exit(1);
	close(fd);
}

static void test_refusals(void)
{
	const uid_t me = geteuid();
	const struct beneath_want any = { .owner = BENEATH_ANY_OWNER },
				  in_root = { .owner = BENEATH_ANY_OWNER, .follow = true };
	const struct {
		const char *path;
		int flags;
		struct beneath_want want;
		int code;
		const char *what;
	} rows[] = {
		{ "file", O_RDONLY, beneath_file(me), 0, "a file of ours" },
		{ "dir/../file", O_RDONLY, beneath_file(me), 0, "a path that goes up and stays below" },
		{ "new", O_WRONLY | O_CREAT, beneath_file(me), 0, "a file that is made" },
		{ "none", O_RDONLY, beneath_file(me), ENOENT, "no file" },
		{ "link", O_RDONLY, any, ELOOP, "a link" },
		{ "link", O_WRONLY | O_CREAT | O_TRUNC, any, ELOOP, "a link in place of an output" },
		{ "dangling", O_WRONLY | O_CREAT, any, ELOOP, "a link to nowhere is not made good" },
		{ "out/passwd", O_RDONLY, any, ELOOP, "a directory that is a link" },
		{ "../x", O_RDONLY, any, EXDEV, "a path that leaves" },
		{ "/etc/passwd", O_RDONLY, any, EXDEV, "an absolute path" },
		{ "twice", O_RDONLY, beneath_file(me), EMLINK, "a second hard link" },
		{ "file", O_RDONLY, beneath_file(me + 1), EPERM, "another owner" },
		{ "file", O_RDONLY, { .owner = me, .not_mode = 044 }, EPERM, "a mode that lets others read" },
		{ "fifo", O_RDONLY, beneath_file(me), EINVAL, "a fifo, without waiting for a writer" },
		{ "fifo", O_WRONLY, beneath_file(me), ENXIO, "a fifo, without waiting for a reader" },
		{ "dir", O_RDONLY, beneath_file(me), EISDIR, "a directory" },
		{ "file", O_RDONLY, { .type = S_IFDIR, .owner = me }, ENOTDIR, "a file in place of a directory" },
		{ "out/passwd", O_RDONLY, in_root, ENOENT, "in root, an absolute link is resolved in the root" },
		{ "inside", O_RDONLY, in_root, 0, "in root, an absolute link that leads to a file there" },
		{ "up", O_RDONLY, in_root, 0, "in root, a link that climbs ends at the root" },
		{ "/file", O_RDONLY, in_root, 0, "in root, an absolute path" },
	};

	make_file("file", "kept");
	make_file("twice", "");
	if (linkat(root, "twice", root, "twice2", 0) < 0 || mkdirat(root, "dir", 0755) < 0 ||
	    mkfifoat(root, "fifo", 0600) < 0 || symlinkat("file", root, "link") < 0 ||
	    symlinkat("nowhere", root, "dangling") < 0 || symlinkat("/etc", root, "out") < 0 ||
	    symlinkat("/file", root, "inside") < 0 || symlinkat("../../../file", root, "up") < 0)
		exit(1);
	for (size_t i = 0; i < array_len(rows); i++) {
		int code = try_open(rows[i].path, rows[i].flags, rows[i].want);

		ok(code == rows[i].code, "%s: %s", rows[i].what, strerror(code));
	}
}

static void test_content(void)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf b = { 0 };
	struct beneath_want mine = beneath_file(geteuid()), foreign = beneath_file(geteuid() + 1);
	struct stat st;

	ok(try_open("file", O_WRONLY | O_TRUNC, foreign) == EPERM && fstatat(root, "file", &st, 0) == 0 &&
		   st.st_size == 4,
	   "a file that is refused is not emptied");
	ok(beneath_read(root, "file", 100, &mine, &b, &err) == 0 && strcmp(buf_text(&b), "kept") == 0, "read");
	ok(beneath_read(root, "file", 3, &mine, &b, &err) < 0 && err.code == EFBIG, "a bound on what is read");
	ok(try_open("file", O_WRONLY | O_TRUNC, mine) == 0 && fstatat(root, "file", &st, 0) == 0 && st.st_size == 0,
	   "one that is as wanted is emptied");
}

static int try_mkdir(const char *path, bool follow)
{
	_cleanup_error_ struct error err = { 0 };
	int fd = beneath_mkdir(root, path, 0755, follow, &err);

	if (fd < 0)
		return err.code;
	close(fd);
	return 0;
}

static void test_directories(void)
{
	const struct beneath_want in_root = { .owner = BENEATH_ANY_OWNER, .follow = true };
	const int kept = root;
	struct stat st;

	ok(try_mkdir("a/b/c/", false) == 0 && fstatat(root, "a/b/c", &st, 0) == 0 && S_ISDIR(st.st_mode),
	   "parents are made");
	ok(try_mkdir("a/b/c", false) == 0, "one that is there");
	ok(try_mkdir("out/x", false) == ELOOP, "a link among the parents");
	ok(try_mkdir("../x", false) == EXDEV, "a path that leaves");
	ok(try_mkdir("file/x", false) == ENOTDIR, "a file among the parents");
	ok(try_mkdir("/var/run/x", true) == 0 && fstatat(root, "var/run/x", &st, 0) == 0, "in root, an absolute path");
	if (symlinkat("/a", root, "to-a") < 0)
		exit(1);
	ok(try_mkdir("to-a/new", true) == 0 && fstatat(root, "a/new", &st, 0) == 0,
	   "in root, through a link to a place there");
	ok(try_mkdir("dangling/x", true) != 0 && fstatat(root, "nowhere", &st, 0) < 0,
	   "in root, a dangling link is not made good");
	ok(try_mkdir("/", true) == 0, "the root itself");
	root = BENEATH_ROOT;
	ok(try_open("/proc/version", O_RDONLY, (struct beneath_want){ .type = S_IFREG }) == 0,
	   "our own root by its absolute paths");
	ok(try_open("/proc/self/exe", O_RDONLY, (struct beneath_want){ .type = S_IFREG }) == ELOOP, "without links");
	ok(try_mkdir("/", false) == 0 && try_mkdir("/proc/sys", false) == 0, "directories there");
	/* EXDEV would be the root's bounds, which Linux may come to lift for these links (openat2(2)) */
	ok(try_open("/proc/self/exe", O_RDONLY, in_root) == ELOOP &&
		   try_open("/proc/self/cwd", O_PATH, in_root) == ELOOP,
	   "in root, no magic link");
	root = kept;
}

static int try_connect(const char *path, struct beneath_want want)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), place = -1;
	_cleanup_error_ struct error err = { 0 };
	struct sockaddr_un address;

	place = beneath_socket(root, path, want, &address, &err);
	if (place < 0)
		return err.code;
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
}

static void test_sockets(void)
{
	const struct beneath_want any = { .owner = BENEATH_ANY_OWNER },
				  in_root = { .owner = BENEATH_ANY_OWNER, .follow = true };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), dir = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "s" };

	/* by its bare name: the whole path may be too long */
	if (try_mkdir("run/deep", false) != 0 || (dir = openat(root, "run", O_PATH | O_CLOEXEC)) < 0 ||
	    fchdir(dir) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0 ||
	    symlinkat("/run/s", root, "to-socket") < 0 || chdir("/") < 0)
		exit(1);
	ok(try_connect("run/s", any) == 0, "a socket below the directory");
	ok(try_connect("to-socket", any) == ELOOP, "a link in a socket's place");
	ok(try_connect("/to-socket", in_root) == 0, "in root, an absolute link to a socket there");
	ok(try_connect("file", any) == EINVAL, "a file in a socket's place");
	ok(try_connect("run/s", (struct beneath_want){ .owner = geteuid() + 1 }) == EPERM, "another owner");
}

/* Paths of the machine: `dir` lies on the root file system, dir/own is a file system that a container writes. */
static void test_machine(const char *dir)
{
	static const struct {
		const char *path;
		mode_t mode;
		int code;
		const char *what;
	} rows[] = {
		{ "own/a/b", 0755, 0, "directories are made" },
		{ "own//a/./b/", 0, 0, "one that is there" },
		{ "own/none", 0, ENOENT, "none is made unasked" },
		{ "to-own/a", 0, 0, "a link on the root file system is followed" },
		{ "own/evil", 0755, ELOOP, "a link elsewhere" },
		{ "own/evil/x", 0755, ELOOP, "a link among the parents elsewhere" },
		{ "to-evil/x", 0755, ELOOP, "a good link that leads to one" },
		{ "loop/x", 0755, ELOOP, "a link to itself" },
		{ "own/fifo/x", 0755, ENOTDIR, "a fifo among the parents" },
	};
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int parent = -1, any = -1;
	char path[512], name[NAME_MAX + 1];
	struct stat st;

	snprintf(path, sizeof(path), "%s/own", dir);
	if (mkdirat(root, "own", 0755) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", path, "tmpfs", 0, NULL) < 0)
		exit(1);
	close(root);
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* one that sees the mount */
	if (mkdirat(root, "victim", 0755) < 0 || symlinkat("../victim", root, "own/evil") < 0 ||
	    symlinkat("own", root, "to-own") < 0 || symlinkat("own/evil", root, "to-evil") < 0 ||
	    symlinkat("loop", root, "loop") < 0 || mkfifoat(root, "own/fifo", 0600) < 0)
		exit(1);
	for (size_t i = 0; i < array_len(rows); i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].path);
		error_clear(&err);
		fd = beneath_machine_dir(path, rows[i].mode, &err);
		ok((fd < 0 ? err.code : 0) == rows[i].code, "machine: %s: %s", rows[i].what, error_text(&err));
		if (fd >= 0)
			close(fd);
	}
	ok(fstatat(root, "victim/x", &st, 0) < 0, "machine: nothing was made behind the links");
	snprintf(path, sizeof(path), "%s/own/new/evil", dir);
	parent = beneath_machine_parent(path, 0755, name, &err);
	ok(parent >= 0 && strcmp(name, "evil") == 0, "machine: the parent, made, and the last name");
	snprintf(path, sizeof(path), "%s/own/fifo", dir);
	any = beneath_machine_any(path, &err);
	ok(any >= 0 && fstat(any, &st) == 0 && S_ISFIFO(st.st_mode),
	   "machine: what is no directory, without opening it");
	snprintf(path, sizeof(path), "%s/own", dir);
	umount2(path, MNT_DETACH);
}

int main(void)
{
	char dir[] = "/tmp/test_beneath.XXXXXX";
	_cleanup_error_ struct error err = { 0 };

	if (!mkdtemp(dir) || (root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return 1;
	test_refusals();
	test_content();
	test_directories();
	test_machine(dir);
	test_sockets();
	dir_remove(dir, &err);
	return tap_done();
}
