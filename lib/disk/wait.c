#include "wait.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "io.h"
#include "links.h"
#include "str.h"

#define QUIET_US 1000000 /* in which no device comes: those that are there at power on have come */

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Devices come as new names in /dev and in /dev/mapper. */
static int devices_watch(struct error *err)
{
	_cleanup_close_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (watch < 0 || inotify_add_watch(watch, "/dev", IN_CREATE | IN_MOVED_TO) < 0)
		return error_set(err, errno, "watch /dev");
	inotify_add_watch(watch, "/dev/mapper", IN_CREATE | IN_MOVED_TO); /* there may be none */
	return steal_fd(&watch);
}

/* Milliseconds to wait for a device, rounded up. */
static int wait_ms(int64_t left, bool settle)
{
	return (int)((settle && left > QUIET_US ? QUIET_US : left) / 1000) + 1;
}

int drives_wait(int (*find)(void *data, struct error *err), void *data, uint64_t timeout_us, struct error *err)
{
	_cleanup_close_ int watch = -1;
	int64_t end = now_us() + (int64_t)timeout_us;

	for (;;) {
		char events[4096];
		int64_t left;
		int r = find(data, err);

		left = end - now_us();
		if ((r != 0 && r != DRIVES_SETTLE) || left <= 0)
			return r;
		if (watch < 0) { /* and look once more: it may have come in between */
			watch = devices_watch(err);
			if (watch < 0)
				return -1;
			continue;
		}
		if (poll(&(struct pollfd){ .fd = watch, .events = POLLIN }, 1, wait_ms(left, r == DRIVES_SETTLE)) ==
			    0 &&
		    r == DRIVES_SETTLE)
			return r;
		while (read(watch, events, sizeof(events)) > 0)
			;
	}
}

struct named {
	const char *path;
	char *found;
	bool other; /* /dev/vdX will do for /dev/sdX */
};

static int device_find(void *data, struct error *err)
{
	const struct named *n = data;
	struct stat st;

	snprintf(n->found, DRIVE_PATH, "%s", n->path);
	if (n->other && stat(n->found, &st) < 0 && errno == ENOENT)
		n->found[strlen("/dev/")] = 'v';
	if (stat(n->found, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", n->path);
	return S_ISBLK(st.st_mode) ? 1 : error_say(err, ENOTBLK, "%s: not a block device", n->path);
}

static int named_end(const char *path, int r, struct error *err)
{
	return r == 0 ? error_say(err, ENOENT, "%s: there is no such device", path) : (r < 0 ? -1 : 0);
}

int device_wait(const char *path, uint64_t timeout_us, struct error *err)
{
	char found[DRIVE_PATH];
	struct named n = { path, found, false };

	return named_end(path, drives_wait(device_find, &n, timeout_us, err), err);
}

/* A link is made when what it names has come; what is found is where it leads. */
static int link_find(void *data, struct error *err)
{
	const struct named *n = data;
	char name[DRIVE_NAME];
	struct stat st;

	if (links_refresh(err) < 0)
		return -1;
	if (stat(n->path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", n->path);
	if (device_name("/sys", n->path, name, err) < 0)
		return -1;
	snprintf(n->found, DRIVE_PATH, "/dev/%s", name);
	return 1;
}

int drive_wait(const char *path, uint64_t timeout_us, char found[DRIVE_PATH], struct error *err)
{
	uint64_t first = timeout_us < QUIET_US ? timeout_us : QUIET_US;
	struct named n = { path, found, false };
	int r;

	if (str_starts(path, LINKS_DIR "/"))
		return named_end(path, drives_wait(link_find, &n, timeout_us, err), err);
	if (strlen(path) >= DRIVE_PATH)
		return error_say(err, ENAMETOOLONG, "%s: there is no such device", path);
	if (!str_starts(path, "/dev/sd"))
		return named_end(path, drives_wait(device_find, &n, timeout_us, err), err);
	r = drives_wait(device_find, &n, first, err);
	if (r == 0) {
		n.other = true;
		r = drives_wait(device_find, &n, timeout_us - first, err);
	}
	return named_end(path, r, err);
}
