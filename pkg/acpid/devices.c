/* Input devices, those that are there and those that come.
 *
 * The folder (/dev/input) is looked through at the start and whenever inotify tells of a new name in it; before it is
 * there, the folder above is watched for it. A device that can send none of the table's events is closed again; one
 * that goes away is closed when it says so.
 *
 * rc.hotplug of the machine reads the power button, too. Who holds a lock (flock) on the device's node handles it:
 * acpid takes it for each device, and rc.hotplug acts only where it finds none. When acpid dies its locks end with it,
 * and the power button is rc.hotplug's again. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpid.h"
#include "io.h"
#include "log.h"
#include "str.h"

enum { DEVICES_MAX = 64 };

struct device {
	struct devices *devices;
	struct loop_io io; /* not active: a free place */
	char name[32];     /* "event0" */
	ino_t inode;       /* the same name may come to mean another device */
};

struct devices {
	struct loop *loop;
	const char *folder;
	const struct table *table;
	event_fn *fn;
	void *data;
	struct loop_io changes; /* inotify */
	bool above;             /* it is the folder above that is watched */
	struct device list[DEVICES_MAX];
};

/* --- devices ---------------------------------------------------------------------------------------- */

static void device_close(struct device *d)
{
	loop_io_remove(&d->io);
	close(d->io.fd);
}

static void device_ready(struct loop_io *io, uint32_t events)
{
	struct device *d = io->data;
	struct devices *all = d->devices;
	struct input_event e;
	ssize_t n;

	(void)events;
	while ((n = read(io->fd, &e, sizeof(e))) == sizeof(e)) {
		ssize_t row = table_event(all->table, e.type, e.code, e.value);

		if (row >= 0)
			all->fn(all->data, (size_t)row);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	device_close(d);
}

/* Whether the device can send any event that the table has. */
static bool device_fits(int fd, const struct table *t)
{
	for (size_t i = 0; i < t->event_count; i++) {
		uint8_t codes[KEY_MAX / 8 + 1] = { 0 };
		unsigned code = t->events[i].code;

		if (code <= KEY_MAX && ioctl(fd, EVIOCGBIT(t->events[i].type, sizeof(codes)), codes) >= 0 &&
		    codes[code / 8] & 1 << code % 8)
			return true;
	}
	return false;
}

static bool device_known(struct devices *all, const char *name, ino_t inode)
{
	for (struct device *d = all->list; d < all->list + DEVICES_MAX; d++)
		if (loop_io_active(&d->io) && str_eq(d->name, name) && d->inode == inode)
			return true;
	return false;
}

/* What is no device, or not ours to open, is passed over. */
static int device_open(struct devices *all, const char *name, struct stat *st)
{
	_cleanup_free_ char *path = str_format("%s/%s", all->folder, name);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

	if (fd < 0) {
		if (errno != ENOENT && errno != ENODEV)
			log_warn("%s: %s", path ? path : name, strerror(errno));
		return -1;
	}
	if (fstat(fd, st) < 0 || !S_ISCHR(st->st_mode) || device_known(all, name, st->st_ino) ||
	    !device_fits(fd, all->table))
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		log_warn("%s: %s", path, errno == EWOULDBLOCK ? "another acpid serves it" : strerror(errno));
		return -1;
	}
	return steal_fd(&fd);
}

static void device_try(struct devices *all, const char *name)
{
	struct stat st;
	_cleanup_close_ int fd = device_open(all, name, &st);
	_cleanup_error_ struct error err = { 0 };
	struct device *d = all->list;

	if (fd < 0)
		return;
	while (d < all->list + DEVICES_MAX && loop_io_active(&d->io))
		d++;
	if (d == all->list + DEVICES_MAX) {
		log_warn("%s/%s: more than %d devices with buttons", all->folder, name, DEVICES_MAX);
		return;
	}
	*d = (struct device){ .devices = all, .inode = st.st_ino };
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = device_ready, .data = d };
	if (loop_io_add(all->loop, &d->io, &err) < 0) {
		log_warn("%s/%s: %s", all->folder, name, error_text(&err));
		return;
	}
	steal_fd(&fd);
	log_info("%s/%s: listening", all->folder, name);
}

/* --- the folder ------------------------------------------------------------------------------------- */

/* The folder itself where it is there by now, else the one above (the folder's path is absolute). */
static int folder_watch(struct devices *all, struct error *err)
{
	const char *slash = strrchr(all->folder, '/');
	_cleanup_free_ char *above = strndup(all->folder, slash ? (size_t)(slash - all->folder) : 0);

	if (inotify_add_watch(all->changes.fd, all->folder, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) >= 0) {
		all->above = false;
		return 0;
	}
	if (errno != ENOENT)
		return error_set(err, errno, "watch %s", all->folder);
	if (!above || inotify_add_watch(all->changes.fd, above, IN_CREATE | IN_ONLYDIR) < 0)
		return error_set(err, errno, "watch %s", above ? above : all->folder);
	all->above = true;
	return 0;
}

static void devices_find(struct devices *all)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, all->folder, false, NULL);

	for (char **name = names; name && *name; name++)
		if (str_starts(*name, "event"))
			device_try(all, *name);
}

static void folder_changed(struct loop_io *io, uint32_t events)
{
	struct devices *all = io->data;
	_cleanup_error_ struct error err = { 0 };
	_Alignas(struct inotify_event) char buffer[4096];
	ssize_t n;

	(void)events;
	/* what has changed is found by looking at all */
	do
		n = read(io->fd, buffer, sizeof(buffer));
	while (n > 0);
	if (all->above && folder_watch(all, &err) < 0)
		log_warn("%s", error_text(&err));
	devices_find(all);
}

struct devices *devices_watch(struct loop *loop, const char *folder, const struct table *table, event_fn *fn,
			      void *data, struct error *err)
{
	struct devices *all = calloc(1, sizeof(*all));

	if (!all) {
		error_set(err, ENOMEM, "devices");
		return NULL;
	}
	*all = (struct devices){ .loop = loop, .folder = folder, .table = table, .fn = fn, .data = data };
	all->changes = (struct loop_io){
		.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .events = EPOLLIN, .fn = folder_changed, .data = all
	};
	if (all->changes.fd < 0) {
		error_set(err, errno, "inotify");
		free(all);
		return NULL;
	}
	/* watched first: what comes in between is found */
	if (folder_watch(all, err) < 0 || loop_io_add(loop, &all->changes, err) < 0) {
		close(all->changes.fd);
		free(all);
		return NULL;
	}
	devices_find(all);
	return all;
}
