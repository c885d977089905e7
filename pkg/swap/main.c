/* swap: a file that the kernel swaps to, encrypted where it is wanted: with a new key on each boot, so that what was
 * swapped out before is gone. Nothing in the file has to survive, so that every boot can make it anew. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "beneath.h"
#include "drive.h"
#include "io.h"
#include "log.h"
#include "program.h"
#include "str.h"
#include "swap.h"

struct options {
	const char *path, *size;
	char **conditions;
	bool encrypt, debug;
};

static const struct option rows[] = {
	{ .name = "path",
	  .argument = "PATH",
	  .help = "the file, below /var",
	  .set = option_set_text,
	  .field = offsetof(struct options, path) },
	{ .name = "size",
	  .argument = "SIZE",
	  .help = "its size: bytes, or with K, M or G behind the number",
	  .set = option_set_text,
	  .field = offsetof(struct options, size) },
	{ .name = "encrypt",
	  .help = "what is swapped out is encrypted, with a key that is gone with the machine",
	  .set = option_set_switch,
	  .field = offsetof(struct options, encrypt) },
	{ .name = "condition",
	  .argument = "CONDITION",
	  .help = "part:PATH, only if something is mounted there; partsize:PATH:SIZE, only if its file system is so "
		  "large. "
		  "With :true behind it, it is an error if not",
	  .set = option_set_list,
	  .field = offsetof(struct options, conditions) },
	{ .name = "debug",
	  .help = "say each step",
	  .set = option_set_switch,
	  .field = offsetof(struct options, debug) },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "swap", .text = "Makes a file and swaps to it.", .options = rows, .misuse = 1, /* as LinuxKit's */
};

/* 1: all are met; 0: one is not, which is no error. */
static int conditions_check(char **conditions, struct error *err)
{
	struct condition c;

	for (; conditions && *conditions; conditions++) {
		int met = condition_parse(*conditions, &c, err) < 0 ? -1 : condition_met(&c, err);

		if (met < 0)
			return -1;
		if (met)
			continue;
		if (c.required)
			return error_set(err, 0, "the condition %s is not met", *conditions);
		log_info("the condition %s is not met: no swap", *conditions);
		return 0;
	}
	return 1;
}

static int device_prepare(const char *device, struct error *err)
{
	_cleanup_close_ int fd = drive_open(device, true, err);
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (fd >= 0 && bytes < 0)
		return error_set(err, errno, "%s", device);
	return fd < 0 ? -1 : swap_header(fd, (uint64_t)bytes, err);
}

static int swap_on(const char *path, const char *shown, struct error *err)
{
	if (swapon(path, 0) == 0) {
		log_info("swapping to %s", shown);
		return 0;
	}
	if (errno == EBUSY) {
		log_info("%s is swapped to already", shown);
		return 0;
	}
	return error_set(err, errno, "swap to %s", shown);
}

static int swap_make(const struct options *o, uint64_t bytes, struct error *err)
{
	char device[DRIVE_PATH], fd_path[BENEATH_FD_PATH_MAX];
	_cleanup_close_ int fd = swap_file(o->path, bytes, err);
	int r;

	if (fd < 0)
		return -1;
	if (o->debug)
		log_info("%s has %llu bytes", o->path, (unsigned long long)bytes);
	if (!o->encrypt) {
		if (!swap_header_there(fd, bytes) && swap_header(fd, bytes, err) < 0)
			return -1;
		return swap_on(beneath_fd_path(fd_path, fd), o->path, err);
	}
	r = swap_encrypt(fd, o->path, device, err);
	if (r < 0 || (r == 0 && device_prepare(device, err) < 0))
		return -1;
	return swap_on(device, device, err);
}

static int options_check(const struct options *o, uint64_t *bytes, struct error *err)
{
	if (!o->path || !str_starts(o->path, "/var/") || !o->path[5])
		return error_set(err, 0, "--path: the path of a file below /var is wanted");
	if (!o->size || swap_size_parse(o->size, bytes) < 0)
		return error_set(err, 0, "--size: a size such as 512M or 1G is wanted");
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct options o = { 0 };
	uint64_t bytes;
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("swap", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	r = options_check(&o, &bytes, &err);
	if (r == 0)
		r = conditions_check(o.conditions, &err);
	if (r > 0)
		r = swap_make(&o, bytes, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	strv_free(o.conditions);
	return r < 0 ? 1 : 0;
}
