/* The files of logwrite: names, rotation, what others put in their place. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "logs.h"
#include "str.h"
#include "tap.h"

static const struct {
	const char *source, *name;
} names[] = {
	{ "redis", "redis" },
	{ "onboot.000-dhcpcd.out", "onboot.000-dhcpcd.out" },
	{ "../../etc/passwd", "_._.._etc_passwd" },
	{ ".hidden", "_hidden" },
	{ "", "_" },
	{ "/", "_" },
	{ "a\nb\x1b[31m\x7f", "a_b_[31m_" },
};

static char dir[] = "/tmp/test_logwrite.XXXXXX";

static bool holds(const char *file, const char *want)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, file);
	_cleanup_buf_ struct buf text = { 0 };

	return file_read(path, 1 << 20, &text, NULL) == 0 && str_eq(buf_text(&text), want);
}

static bool add(struct logs *l, const char *source, const char *line)
{
	_cleanup_error_ struct error err = { 0 };
	bool good = logs_add(l, source, line, strlen(line), &err) == 0;

	if (err.msg)
		printf("# %s\n", err.msg);
	return good;
}

static void test_rotation(int fd)
{
	struct logs l = { .dir = fd, .max_size = 10, .max_files = 3 };
	bool good = true;
	char line[32];

	for (int i = 0; i < 12; i++) {
		snprintf(line, sizeof(line), "line %02d\n", i);
		good = good && add(&l, "r", line);
	}
	ok(good && holds("r.log.0", "line 10\nline 11\n") && holds("r.log.1", "line 08\nline 09\n") &&
		   holds("r.log.2", "line 06\nline 07\n") && faccessat(fd, "r.log.3", F_OK, 0) < 0,
	   "three files are kept");
	ok(add(&l, "r", "on\n") && holds("r.log", "on\n"), "and a new one is begun");
	ok(logs_sync(&l) && !logs_sync(&l), "what was written is brought to the disk once");
	logs_close(&l);
	ok(add(&l, "r", "and on\n") && holds("r.log", "on\nand on\n"), "another logwrite appends");
	logs_close(&l);
}

static void test_places(int fd)
{
	struct logs l = { .dir = fd, .max_size = 1000, .max_files = 3 };

	ok(symlinkat("/etc/passwd", fd, "link.log") == 0 && add(&l, "link", "x\n") && holds("link.log", "x\n"),
	   "a link is not followed");
	ok(mkfifoat(fd, "fifo.log", 0600) == 0 && add(&l, "fifo", "x\n") && holds("fifo.log", "x\n"),
	   "a fifo is not waited for");
	ok(mkdirat(fd, "dir.log", 0700) == 0 && mkdirat(fd, "dir.log/x", 0700) == 0 && add(&l, "dir", "x\n") &&
		   holds("dir.log", "x\n") && faccessat(fd, "dir.log.aside.0/x", F_OK, 0) == 0,
	   "a directory is moved aside");
	ok(linkat(fd, "dir.log", fd, "twice.log", 0) == 0 && add(&l, "twice", "y\n") && holds("twice.log", "y\n") &&
		   holds("dir.log", "x\n"),
	   "a second name of another file is not written through");
	ok(unlinkat(fd, "fifo.log", 0) == 0 && add(&l, "fifo", "z\n") && holds("fifo.log", "z\n"),
	   "one that was removed is made anew");
	logs_close(&l);
}

static void test_many(int fd)
{
	struct logs l = { .dir = fd, .max_size = 1000, .max_files = 3 };
	char name[32];
	bool good = true;

	for (int i = 0; i < LOGS_NAMES + 5; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		good = good && add(&l, name, "x\n");
	}
	ok(good && holds(LOGS_OTHER ".log", "x\nx\nx\nx\nx\n"), "who invents names fills no directory");
	ok(add(&l, "many0", "y\n") && holds("many0.log", "x\ny\n"), "one that was closed is opened again");
	logs_close(&l);
}

int main(void)
{
	char name[LOGS_NAME + 1], longest[LOGS_NAME * 2];
	int fd;

	for (size_t i = 0; i < array_len(names); i++) {
		logs_name(names[i].source, name);
		ok_str(name, names[i].name, names[i].source);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	logs_name(longest, name);
	ok(strlen(name) == LOGS_NAME, "a long one is cut");
	if (!mkdtemp(dir))
		return 1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_rotation(fd);
	test_places(fd);
	test_many(fd);
	close(fd);
	dir_remove(dir, NULL);
	return tap_done();
}
