/* binfmt: tells the kernel which interpreters run programs of other architectures, by the rules of /etc/binfmt.d. A
 * rule of a name that is there already takes the place of the older one. One that fails is said, the others are
 * registered, and the status is 1. Options as LinuxKit's: -dir DIR, -mount DIR. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "program.h"
#include "rule.h"
#include "str.h"

struct given {
	const char *dir, *mount_point;
};

static const struct option options[] = {
	{ "dir", .argument = "DIR", .set = option_set_text, .field = offsetof(struct given, dir),
	  .help = "the files of rules, /etc/binfmt.d" },
	{ "mount", .argument = "DIR", .set = option_set_text, .field = offsetof(struct given, mount_point),
	  .help = "where the kernel's rules are mounted, /proc/sys/fs/binfmt_misc" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "binfmt",
	.text = "Has the kernel run programs of other architectures by the interpreters that rules name.",
	.options = options,
};

/* A file of rules is a few kilobytes. */
#define FILE_MAX_BYTES (1u << 20)

static int text_write(int dir, const char *name, const char *text, size_t n)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || write(fd, text, n) < 0 ? -1 : 0;
}

/* "-1" removes a rule. */
static int rule_register(int dir, const struct rule *rule, struct error *err)
{
	if (text_write(dir, "register", rule->text, rule->len) == 0)
		return 0;
	if (errno == EEXIST &&
	    (text_write(dir, rule->name, "-1", 2) < 0 || text_write(dir, "register", rule->text, rule->len) < 0))
		return error_set(err, errno, "replace %s", rule->name);
	/* the kernel says so of an interpreter, which it opens for the flag F */
	if (errno == ENOENT)
		return error_set(err, errno, "register %s: its interpreter", rule->name);
	if (errno == EEXIST)
		return 0;
	return error_set(err, errno, "register %s", rule->name);
}

/* Returns how many rules have failed, or -1: the file cannot be read. */
static int file_register(int rules, const char *file, int dir, struct error *err)
{
	_cleanup_close_ int fd = openat(rules, file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_buf_ struct buf text = { 0 };
	const char *p, *end;
	struct rule rule;
	struct stat st;
	int failed = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", file);
	if (!S_ISREG(st.st_mode)) /* a fifo would hold up the boot for good */
		return error_set(err, 0, "%s: this is no file", file);
	if (file_read_fd(fd, file, FILE_MAX_BYTES, &text, err) < 0)
		return -1;
	for (p = buf_text(&text), end = p + text.len; p < end;) {
		_cleanup_error_ struct error e = { 0 };
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
		int r = rule_parse(p, (size_t)(stop - p), &rule, &e);

		if (r > 0)
			r = rule_register(dir, &rule, &e);
		if (r < 0) {
			log_error("%s: %s", file, error_text(&e));
			failed++;
		}
		p = stop + 1;
	}
	return failed;
}

/* The file system of rules, which rc.init mounts for the machine. A container's own /proc does not have it: it is
 * mounted there for as long as this program needs it. */
static int rules_open(const char *mount_point, struct error *err)
{
	_cleanup_close_ int dir = -1;
	bool mounted = mount("binfmt_misc", mount_point, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;

	if (!mounted && errno != EBUSY) /* busy: it is there already */
		return error_set(err, errno, "mount binfmt_misc on %s", mount_point);
	dir = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(err, errno, "%s", mount_point);
	/* what is open stays; nobody else is to see it here */
	if (mounted && umount2(mount_point, MNT_DETACH) < 0)
		log_warn("unmount %s: %s", mount_point, strerror(errno));
	return steal_fd(&dir);
}

static int binfmt_run(const char *config, const char *mount_point, struct error *err)
{
	_cleanup_close_ int rules = open(config, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir = -1;
	_cleanup_strv_ char **files = NULL;
	int failed = 0;

	if (rules < 0)
		return error_set(err, errno, "%s", config);
	dir = rules_open(mount_point, err);
	files = dir < 0 ? NULL : dir_names(rules, ".", false, err);
	if (!files)
		return -1;
	for (char **file = files; *file; file++) {
		int r = file_register(rules, *file, dir, err);

		if (r < 0)
			return -1;
		failed += r;
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct given given = { .dir = "/etc/binfmt.d", .mount_point = "/proc/sys/fs/binfmt_misc" };
	_cleanup_error_ struct error err = { 0 };
	int status, failed;

	(void)argc;
	io_fill_standard();
	log_setup("binfmt", LOG_LEVEL_INFO, false);
	status = program_line(&program, argv, &given);
	if (status >= 0)
		return status;
	failed = binfmt_run(given.dir, given.mount_point, &err);
	if (failed < 0)
		log_error("%s", error_text(&err));
	return failed != 0;
}
