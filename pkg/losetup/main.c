/* loopy: a file as a block device. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "log.h"
#include "loopdev.h"
#include "program.h"
#include "str.h"

struct options {
	bool create;
	uint64_t mebibytes;
	const char *device;
};

static const struct option rows[] = {
	{ .name = "create",
	  .letter = 'c',
	  .help = "make the file if there is none",
	  .set = option_set_switch,
	  .field = offsetof(struct options, create) },
	{ .name = "size",
	  .letter = 's',
	  .argument = "MIB",
	  .help = "its size in MiB when it is made (10)",
	  .set = option_set_number,
	  .field = offsetof(struct options, mebibytes),
	  .min = 1,
	  .max = 1 << 30 },
	{ .name = "dev",
	  .letter = 'd',
	  .argument = "DEVICE",
	  .help = "the loop device (/dev/loop0)",
	  .set = option_set_text,
	  .field = offsetof(struct options, device) },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "loopy",
	.words = "FILE",
	.text = "Makes a file a block device.",
	.options = rows,
	.misuse = 1, /* as LinuxKit's */
};

/* Under another name first: a file that is there is complete. */
static int file_create(int dir, const char *name, uint64_t bytes, struct error *err)
{
	const struct beneath_want want = beneath_file(getuid());
	_cleanup_free_ char *new_name = str_format(".%.200s.new", name);
	_cleanup_close_ int fd = -1;

	if (!new_name)
		return error_set(err, ENOMEM, "%s", name);
	fd = beneath_open(dir, new_name, O_RDWR | O_CREAT | O_TRUNC, 0600, &want, err);
	if (fd < 0)
		return -1;
	if (fallocate(fd, 0, 0, (off_t)bytes) < 0 && (errno != EOPNOTSUPP || ftruncate(fd, (off_t)bytes) < 0)) {
		error_set(err, errno, "%s: make a file of %llu MiB", name, (unsigned long long)(bytes >> 20));
		unlinkat(dir, new_name, 0);
		return -1;
	}
	if (fsync(fd) < 0 || renameat(dir, new_name, dir, name) < 0)
		return error_set(err, errno, "%s", name);
	log_info("%s: made, %llu MiB", name, (unsigned long long)(bytes >> 20));
	return steal_fd(&fd);
}

static int file_open(const char *path, const struct options *o, struct error *err)
{
	const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER };
	char name[NAME_MAX + 1];
	_cleanup_close_ int dir = beneath_machine_parent(path, 0, name, err);
	int fd;

	if (dir < 0)
		return -1;
	fd = beneath_open(dir, name, O_RDWR, 0, &want, err);
	if (fd >= 0 || err->code != ENOENT)
		return fd;
	if (!o->create)
		return error_say(err, ENOENT, "%s: there is no such file: --create makes it", path);
	error_clear(err);
	return file_create(dir, name, o->mebibytes << 20, err);
}

/* A kernel makes few loop devices by itself, or none: the one that is named is asked for. */
static int device_ask(const char *device, struct error *err)
{
	_cleanup_close_ int control = -1;
	struct stat st;
	uint64_t number;

	if (stat(device, &st) == 0)
		return S_ISBLK(st.st_mode) ? 0 : error_say(err, ENOTBLK, "%s: not a block device", device);
	if (!str_starts(device, "/dev/loop") || str_to_u64(device + strlen("/dev/loop"), 1 << 19, &number) < 0)
		return error_say(err, ENOENT, "%s: there is no such device: is /dev bound into the container?", device);
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return error_set(err, errno, "/dev/loop-control");
	if (ioctl(control, LOOP_CTL_ADD, (long)number) < 0 && errno != EEXIST)
		return error_set(err, errno, "%s", device);
	return 0;
}

static int file_attach(const char *path, const struct options *o, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (device_ask(o->device, err) < 0)
		return -1;
	fd = file_open(path, o, err);
	if (fd < 0 || loopdev_set(fd, path, o->device, err) < 0)
		return -1;
	log_info("%s is %s", o->device, path);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct options o = { .mebibytes = 10, .device = "/dev/loop0" };
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("loopy", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	if (!argv[1] || argv[2])
		return log_error("one file is wanted"), 1;
	if (file_attach(argv[1], &o, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 2;
}
