/* rc.hotplug: the daemon that loads drivers for devices that come later, and hears the power button.
 *
 * PID 1 keeps it alive. What happened while it was not there it makes up for by looking at every device when it starts.
 * The tables of modules are only open while there is something to look up. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include "coldplug.h"
#include "initctl.h"
#include "io.h"
#include "log.h"
#include "loop.h"
#include "rc.h"
#include "spawn.h"
#include "str.h"
#include "uevent.h"

enum { BUTTONS_MAX = 16 };

struct daemon {
	struct loop *loop;
	struct loop_io events;
	struct loop_io buttons[BUTTONS_MAX]; /* not active: a free place */
	bool pressed;                        /* a button was, and that was said */
};

/* --- the power button ------------------------------------------------------------------------------------- */

/* A container may serve the buttons (pith/acpid): it holds a lock on the device's node for as long as it lives. */
static bool button_taken(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

static void button_ready(struct loop_io *io, uint32_t events)
{
	struct daemon *d = io->data;
	struct input_event e;
	ssize_t n;

	(void)events;
	while ((n = read(io->fd, &e, sizeof(e))) == sizeof(e)) {
		if (e.type != EV_KEY || e.code != KEY_POWER || e.value != 1 || button_taken(io->fd))
			continue;
		/* Whoever presses it keeps pressing while a service takes its time. */
		if (!d->pressed)
			log_info("power button pressed");
		d->pressed = true;
		if (kill(1, SIGUSR2) < 0)
			log_error("tell PID 1: %s", strerror(errno));
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_io_remove(io); /* the device is gone */
	close(io->fd);
}

static void button_try(struct daemon *d, const char *devname)
{
	_cleanup_free_ char *path = str_format("/dev/%s", devname);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	_cleanup_error_ struct error err = { 0 };
	uint8_t keys[KEY_MAX / 8 + 1] = { 0 };

	if (fd < 0 || ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) < 0 ||
	    !(keys[KEY_POWER / 8] & 1 << KEY_POWER % 8))
		return;
	for (size_t i = 0; i < BUTTONS_MAX; i++) {
		struct loop_io *io = &d->buttons[i];

		if (loop_io_active(io))
			continue;
		*io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = button_ready, .data = d };
		if (loop_io_add(d->loop, io, &err) < 0)
			log_warn("%s: %s", path, error_text(&err));
		else
			steal_fd(&fd);
		return;
	}
	log_warn("%s: more than %d power buttons", path, BUTTONS_MAX);
}

static void buttons_find(struct daemon *d)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, "/dev/input", false, NULL);

	for (char **name = names; name && *name; name++) {
		_cleanup_free_ char *path = str_format("input/%s", *name);

		if (path && str_starts(*name, "event"))
			button_try(d, path);
	}
}

/* --- devices ------------------------------------------------------------------------------------------------ */

static void device_added(struct daemon *d, struct modules **m, const struct uevent *event)
{
	_cleanup_error_ struct error err = { 0 };

	if (str_eq(event->subsystem, "input") && str_starts(event->devname, "input/event"))
		button_try(d, event->devname);
	if (!*event->modalias)
		return;
	if (!*m)
		*m = modules_open(NULL, &err);
	if ((!*m || modules_load(*m, event->modalias, &err) < 0) && err.code != ENOENT)
		log_warn("%s", error_text(&err));
}

static void look_at_all(struct daemon *d)
{
	_cleanup_modules_ struct modules *m = modules_open(NULL, NULL);

	if (m)
		coldplug_devices(m);
	buttons_find(d);
}

static void events_ready(struct loop_io *io, uint32_t events)
{
	struct daemon *d = io->data;
	_cleanup_modules_ struct modules *m = NULL;
	_cleanup_error_ struct error err = { 0 };
	char buffer[UEVENT_MAX];
	struct uevent event;
	int r;

	(void)events;
	while ((r = uevent_read(io->fd, buffer, &event, &err)) > 0)
		if (str_eq(event.action, "add"))
			device_added(d, &m, &event);
	if (r == 0)
		return;
	log_warn("%s", error_text(&err));
	if (err.code == ENOBUFS)
		look_at_all(d);
}

int rc_hotplug(void)
{
	_cleanup_error_ struct error err = { 0 };
	struct daemon d = { 0 };

	d.loop = loop_new(&err);
	d.events = (struct loop_io){ .fd = uevent_open(&err), .events = EPOLLIN, .fn = events_ready, .data = &d };
	if (!d.loop || d.events.fd < 0 || loop_io_add(d.loop, &d.events, &err) < 0) {
		log_error("%s", error_text(&err));
		return 1;
	}
	look_at_all(&d);
	loop_run(d.loop, &err); /* returns only when it cannot wait any more */
	log_error("%s", error_text(&err));
	return 1;
}

/* --- rc.init's step -------------------------------------------------------------------------------------------- */

/* Handed over to PID 1; where that is not ours, the daemon is on its own. */
int rc_hotplug_start(struct rc *rc, struct error *err)
{
	char *const argv[] = { (char *)"/bin/rc.hotplug", NULL };

	if (!rc_is_machine())
		return 0;
	if (rc->control >= 0)
		return initctl_respawn("hotplug", 1, argv, err);
	return spawn(&(struct spawn){ .path = argv[0], .argv = argv, .inherit_stdio = true, .new_session = true },
		     err) < 0
		? -1
		: 0;
}
