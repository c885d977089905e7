/* fstrim: tells the disk which of a file system's blocks are free, so that the host gets their room back. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "beneath.h"
#include "io.h"
#include "log.h"
#include "program.h"
#include "str.h"

struct options {
	bool verbose;
	const char *minimum;
};

static const struct option rows[] = {
	{ .name = "minimum",
	  .letter = 'm',
	  .argument = "SIZE",
	  .help = "free ranges that are smaller are left alone (0): bytes, or with K, M or G behind the number",
	  .set = option_set_text,
	  .field = offsetof(struct options, minimum) },
	{ .name = "verbose",
	  .letter = 'v',
	  .help = "say how much was trimmed",
	  .set = option_set_switch,
	  .field = offsetof(struct options, verbose) },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "fstrim",
	.words = "MOUNTPOINT...",
	.text = "Gives the free room of the file systems at these mount points back to the host.",
	.options = rows,
};

static int system_trim(const char *path, const struct fstrim_range *range, bool verbose, struct error *err)
{
	const struct beneath_want want = { .type = S_IFDIR, .owner = BENEATH_ANY_OWNER, .follow = true };
	_cleanup_close_ int fd = beneath_open(BENEATH_ROOT, path, O_RDONLY, 0, &want, err);
	struct fstrim_range r = *range;

	if (fd < 0)
		return -1;
	if (ioctl(fd, FITRIM, &r) < 0)
		return errno == EOPNOTSUPP || errno == ENOTTY
			? error_say(err, errno, "%s: its file system or its disk cannot be trimmed", path)
			: error_set(err, errno, "%s", path);
	if (verbose)
		log_info("%s: %llu MiB trimmed", path, (unsigned long long)(r.len >> 20));
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct fstrim_range range = { .len = UINT64_MAX };
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("fstrim", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	if (!argv[1])
		return log_error("no mount point is named"), 2;
	if (o.minimum && str_to_size(o.minimum, 1, (uint64_t *)&range.minlen) < 0)
		return log_error("--minimum %s: a size such as 4096 or 1M is wanted", o.minimum), 2;
	r = 0;
	for (char **path = argv + 1; *path; path++) {
		_cleanup_error_ struct error err = { 0 };

		if (system_trim(*path, &range, o.verbose, &err) < 0) {
			log_error("%s", error_text(&err));
			r = 1;
		}
	}
	return r;
}
