/* lib/sys: opening what somebody else can write. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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
	dir_remove(dir, &err);
	return tap_done();
}
