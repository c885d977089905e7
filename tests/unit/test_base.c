/* lib/base: errors, buffers, strings, files. */
#include "backoff.h"
#include "buf.h"
#include "error.h"
#include "io.h"
#include "str.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_error(void)
{
	_cleanup_error_ struct error e = { 0 };

	ok(error_set(&e, ENOENT, "open %s", "x") == -1 && e.code == ENOENT, "error_set fills the code");
	ok_str(error_text(&e), "open x: No such file or directory", "error_set adds the reason");
	error_wrap(&e, "load");
	ok_str(error_text(&e), "load: open x: No such file or directory", "error_wrap puts context in front");
	ok(error_set(NULL, 1, "nobody listens") == -1, "a NULL error is legal");
}

static void test_buf(void)
{
	_cleanup_buf_ struct buf b = { 0 };
	char big[1000];

	memset(big, 'x', sizeof(big));
	ok_str(buf_text(&b), "", "an empty buffer reads as empty text");
	buf_addf(&b, "%d-%s", 12, "ab");
	ok_str(buf_text(&b), "12-ab", "formatted text");
	buf_consume(&b, 3);
	ok_str(buf_text(&b), "ab", "consumed from the front");
	buf_add(&b, big, sizeof(big));
	ok(b.len == 1002 && memcmp(buf_bytes(&b), "abxx", 4) == 0, "growth keeps the bytes");
	buf_consume(&b, 5000);
	ok(b.len == 0, "consuming more than there is empties");
	ok(buf_reserve(&b, (size_t)-1) == NULL && errno == ENOMEM, "an absurd size is refused");
	buf_clear(&b);
	ok(buf_reserve(&b, 400), "room after clearing");
	ok_str(buf_text(&b), "", "room that nothing was written into is no text");
}

static void test_str(void)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} sizes[] = {
		{ "10", 0, 10240 },
		{ "1K", 0, 1024 },
		{ "2M", 0, 2 << 20 },
		{ "3GiB", 0, 3ULL << 30 },
		{ "4gB", 0, 4ULL << 30 },
		{ "", -1, 0 },
		{ "x", -1, 0 },
		{ "1Q", -1, 0 },
		{ "1Kx", -1, 0 },
		{ "-1", -1, 0 },
		{ "99999999999999999999", -1, 0 },
		{ "18446744073709551615T", -1, 0 },
	};
	uint64_t v;

	for (size_t i = 0; i < array_len(sizes); i++) {
		v = 0;
		ok(str_to_size(sizes[i].text, 1024, &v) == sizes[i].result && v == sizes[i].value, "size '%s'",
		   sizes[i].text);
	}
	ok(str_to_u64("65535", 65535, &v) == 0 && v == 65535, "number at its bound");
	ok(str_to_u64("65536", 65535, &v) == -1 && errno == ERANGE, "number above its bound");
	ok(str_distance("comand", "command", 2) == 1 && str_distance("binds", "bidns", 2) == 2 &&
		   str_distance("a", "xyz", 2) == 3,
	   "edit distance");
	ok(str_ends("a.yml", ".yml") && !str_ends("yml", ".yml"), "suffix");
}

static void test_strv(void)
{
	_cleanup_strv_ char **v = strv_split("//a/b//c/", "/");
	_cleanup_strv_ char **many = NULL;
	_cleanup_free_ char *joined = strv_join(v, ", ");

	ok_str(joined, "a, b, c", "split and join");
	for (int i = 0; i < 1000; i++)
		strv_addf(&many, "%d", i);
	ok(strv_len(many) == 1000 && str_eq(many[999], "999"), "a thousand strings");
}

/* Below a read-only mount, which only a child sees. */
static void read_only_test(const char *dir)
{
	_cleanup_free_ char *deeper = str_format("%s/c/d", dir);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		_cleanup_error_ struct error e = { 0 };

		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", dir, "tmpfs", MS_RDONLY, NULL) < 0)
			_exit(2);
		_exit(dir_make(deeper, 0755, &e) < 0 && e.code == EROFS && dir_make(dir, 0755, NULL) == 0 ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	ok(status == 0 || (WEXITSTATUS(status) == 2 && geteuid() != 0),
	   "a read-only file system is the reason, where it is one");
}

static void test_files(void)
{
	char dir[] = "/tmp/test_base.XXXXXX";
	_cleanup_free_ char *file = NULL, *deep = NULL;
	_cleanup_buf_ struct buf b = { 0 };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *hidden = NULL, *other = NULL, *half = NULL;
	_cleanup_strv_ char **names = NULL, **all = NULL;
	struct stat st;

	if (!ok(mkdtemp(dir) != NULL, "temporary directory"))
		return;
	file = str_format("%s/a/b/file", dir);
	deep = str_format("%s/a/b", dir);
	ok(dir_make(deep, 0755, &e) == 0 && dir_make(deep, 0755, &e) == 0, "directories, twice");
	ok(file_write(file, "hello", 5, 0640, &e) == 0, "file written");
	ok(stat(file, &st) == 0 && (st.st_mode & 07777) == 0640, "its mode");
	ok(file_read(file, 5, &b, &e) == 0 && str_eq(buf_text(&b), "hello"), "file read at its bound");
	ok(file_read(file, 4, &b, &e) == -1 && e.code == EFBIG, "a larger file is refused");
	ok(dir_make(file, 0755, &e) == -1, "a file is no directory");
	error_clear(&e);
	read_only_test(deep);
	hidden = str_format("%s/.hidden", deep);
	other = str_format("%s/also", deep);
	ok(file_write(hidden, "", 0, 0600, &e) == 0 && file_write(other, "", 0, 0600, &e) == 0, "two more files");
	names = dir_names(AT_FDCWD, deep, false, &e);
	all = dir_names(AT_FDCWD, deep, true, &e);
	ok(strv_len(names) == 2 && str_eq(names[0], "also") && str_eq(names[1], "file"), "names, sorted");
	ok(strv_len(all) == 3 && str_eq(all[0], ".hidden"), "and the hidden one where it is asked for");
	ok(!dir_names(AT_FDCWD, "/none", false, &e) && e.code == ENOENT, "no such directory");
	half = str_format("%s/.file.aB3xYz.tmp", deep);
	ok(file_write(half, "", 0, 0600, &e) == 0, "what a killed writer leaves");
	dir_sweep(deep);
	ok(stat(half, &st) < 0 && stat(file, &st) == 0 && stat(hidden, &st) == 0, "is swept away, and nothing else");
	ok(dir_remove(dir, &e) == 0 && stat(dir, &st) < 0, "tree removed");
	ok(dir_remove(dir, &e) == 0, "and again");
}

/* A tree far deeper than there are descriptors. */
static void test_deep(void)
{
	char dir[] = "/tmp/pith-test-XXXXXX";
	struct rlimit before, few;
	_cleanup_close_ int fd = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY) : -1;
	_cleanup_error_ struct error e = { 0 };
	struct stat st;
	int n;

	for (n = 0; fd >= 0 && n < 1500; n++) {
		int next = mkdirat(fd, "d", 0755) < 0 ? -1 : openat(fd, "d", O_RDONLY | O_DIRECTORY);

		close(fd);
		fd = next;
	}
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = 256;
	setrlimit(RLIMIT_NOFILE, &few);
	ok(fd >= 0 && dir_remove(dir, &e) == 0 && stat(dir, &st) < 0, "a tree of %d levels is removed: %s", n,
	   error_text(&e));
	setrlimit(RLIMIT_NOFILE, &before);
}

/* --- what a terminal is shown ----------------------------------------------------------------------------------- */

static void escapes(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "plain/name-1.2:tag", "plain/name-1.2:tag" },
		{ "a\nb\tc\rd", "a\\nb\\tc\\rd" },
		{ "\033[31mred\033]0;title\007", "\\x1b[31mred\\x1b]0;title\\x07" },
		{ "del\177\b", "del\\x7f\\x08" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7" },
		{ "csi \xc2\x9b"
		  "31m",
		  "csi \\xc2\\x9b31m" },
		{ "raw \x9b"
		  "31m",
		  "raw \\x9b31m" },
		{ "\xc3", "\\xc3" },
		{ "\xc0\x9b \xed\xa0\x80 \xf5\x80\x80\x80", "\\xc0\\x9b \\xed\\xa0\\x80 \\xf5\\x80\\x80\\x80" },
		{ "turn \xe2\x80\xae"
		  "back",
		  "turn \\xe2\\x80\\xaeback" },
		{ "back\\slash", "back\\slash" },
	};
	char small[8];

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *got = str_escape(rows[i].in);

		ok_str(got, rows[i].out, "escaped");
	}
	ok(str_escape_to(small, sizeof(small), "abc\033\033", 5) == 7 && str_eq(small, "abc\\x1b"), "what fits");
	ok(str_escape_to(small, sizeof(small), "abcd\033", 5) == 4 && str_eq(small, "abcd"), "no part of an escape");
	ok(str_escape_to(small, sizeof(small), "a\0b", 3) == 6 && str_eq(small, "a\\x00b"), "a NUL");
	ok(str_escape_to(small, 0, "a", 1) == 0, "no room at all");
}

/* --- descriptors ------------------------------------------------------------------------------------------------ */

/* A child whose descriptors in `closed` (bits) were closed by whoever started it: what the next file gets. */
static int next_file(unsigned closed)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int fd;

		for (fd = 0; fd < 3; fd++)
			if (closed & 1u << fd)
				close(fd);
		io_fill_standard();
		fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
		for (int i = 0; i < 3; i++)
			if (fcntl(i, F_GETFD) < 0)
				_exit(99);
		_exit(fd);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	return WEXITSTATUS(status);
}

static void standard(void)
{
	static const unsigned rows[] = { 0, 1, 2, 4, 3, 5, 6, 7 };
	int *fds;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), i;

	for (size_t r = 0; r < array_len(rows); r++)
		ok(next_file(rows[r]) > 2, "closed descriptors (mask %u) are no file's", rows[r]);
	fds = io_open_fds();
	for (i = 0; fds && fds[i] >= 0 && fds[i] != fd; i++)
		;
	ok(fds && fds[i] == fd, "an open descriptor is found");
	close(fd);
	free(fds);
}

static void test_backoff(void)
{
	static const struct backoff b = { .first = 100, .most = 1000, .healthy = 5000 };
	static const struct {
		uint64_t last, ran, want;
	} rows[] = {
		{ 0, 0, 100 },     { 100, 0, 200 },     { 400, 0, 800 },    { 500, 0, 1000 },        { 800, 0, 1000 },
		{ 1000, 0, 1000 }, { 800, 4999, 1000 }, { 800, 5000, 100 }, { UINT64_MAX, 0, 1000 }, { 0, 5000, 100 },
	};

	for (size_t i = 0; i < array_len(rows); i++)
		ok(backoff_after(&b, rows[i].last, rows[i].ran) == rows[i].want, "the pause after %llu",
		   (unsigned long long)rows[i].last);
	ok(backoff_next(&b, 200) == 400, "without a run in between");
}

int main(void)
{
	test_backoff();
	test_error();
	test_buf();
	test_str();
	test_strv();
	test_files();
	test_deep();
	escapes();
	standard();
	return tap_done();
}
