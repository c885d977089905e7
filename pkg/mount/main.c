/* mountie: mounts a disk's file system, and makes links in /dev/disk. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "beneath.h"
#include "io.h"
#include "links.h"
#include "log.h"
#include "mount.h"
#include "program.h"
#include "str.h"
#include "wait.h"

enum { WAIT_SECONDS = 10, WAIT_MOST = 3600 };

struct options {
	const char *device, *label, *uuid;
	uint64_t wait; /* seconds */
};

static const struct option rows[] = {
	{ .name = "device",
	  .argument = "DEVICE",
	  .help = "the device to mount",
	  .set = option_set_text,
	  .field = offsetof(struct options, device) },
	{ .name = "label",
	  .argument = "LABEL",
	  .help = "the device with this label",
	  .set = option_set_text,
	  .field = offsetof(struct options, label) },
	{ .name = "uuid",
	  .argument = "UUID",
	  .help = "the device with this UUID",
	  .set = option_set_text,
	  .field = offsetof(struct options, uuid) },
	{ .name = "wait",
	  .argument = "SECONDS",
	  .help = "for a device that is not there yet (10)",
	  .set = option_set_number,
	  .field = offsetof(struct options, wait),
	  .max = WAIT_MOST },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "mountie",
	.words = "[DEVICE] MOUNTPOINT",
	.text = "Mounts a device, or the first Linux partition that is not in use. The mount point is made, ext4 is\n"
		"checked before, and /dev/disk has links to all devices by UUID and label afterwards.",
	.options = rows,
};

/* How the device may be used: MS_RDONLY for a read-only disk; in_use: something of it is mounted already. */
static int device_look(const char *device, unsigned long *flags, bool *in_use, struct error *err)
{
	_cleanup_close_ int fd = drive_open(device, true, err);

	*flags = fd < 0 && err->code == EROFS ? MS_RDONLY : 0;
	*in_use = fd < 0 && err->code == EBUSY;
	if (fd < 0 && !*flags && !*in_use)
		return -1;
	if (*flags)
		log_warn("%s: the disk is read-only, and so is the mount", device);
	error_clear(err);
	return 0;
}

/* On the descriptor: what is mounted over is what was looked at. */
static int system_mount(const char *device, const char *type, unsigned long flags, const char *point, struct error *err)
{
	_cleanup_close_ int fd = beneath_machine_dir(point, 0755, err);
	char path[BENEATH_FD_PATH_MAX];

	if (fd < 0)
		return -1;
	if (mount(device, beneath_fd_path(path, fd), type, flags, NULL) < 0) {
		int code = errno;

		if (code == ENODEV)
			return error_say(err, code, "%s: the kernel has no %s", device, type);
		return error_set(err, code, "mount %s (%s) on %s", device, type, point);
	}
	log_info("%s (%s) on %s", device, type, point);
	return 0;
}

static int disk_mount(const struct options *o, const char *point, struct error *err)
{
	_cleanup_error_ struct error links = { 0 };
	char device[DRIVE_PATH], type[32];
	uint64_t wait_us = o->wait * 1000000;
	unsigned long flags;
	bool in_use;
	int r;

	if (o->device) {
		r = drive_wait(o->device, wait_us, device, err);
	} else if (o->label || o->uuid) {
		r = find_by(o->label, o->label ? NULL : o->uuid, wait_us, device, err);
	} else {
		r = find_first(wait_us, device, err);
	}
	if (r < 0 || device_is_finished(device, err) < 0 || device_look(device, &flags, &in_use, err) < 0 ||
	    check(device, !flags && !in_use, type, err) < 0 || system_mount(device, type, flags, point, err) < 0)
		return -1;
	if (links_refresh(&links) < 0)
		log_warn("links in " LINKS_DIR ": %s", error_text(&links));
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct options o = { .wait = WAIT_SECONDS };
	const char *point;
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("mountie", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	if (!argv[1] || (argv[2] && argv[3]))
		return log_error("%s",
				 argv[1] ? "too many words: a device and a mount point are wanted"
					 : "no mount point is named"),
		       2;
	point = argv[2] ? argv[2] : argv[1];
	if (argv[2])
		o.device = argv[1];
	if (disk_mount(&o, point, &err) < 0) {
		log_error("%s", error_text(&err));
		return 1;
	}
	return 0;
}
