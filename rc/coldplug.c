/* Drivers for the devices that are there already, and the modules that the image lists. All in this process: device
 * aliases are looked up in depmod's index, modules handed to the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "coldplug.h"
#include "io.h"
#include "log.h"
#include "modconf.h"
#include "rc.h"
#include "str.h"
#include "uevent.h"

enum { LIST_MAX = 1 << 20 };

/* --- devices ------------------------------------------------------------------------------------------ */

/* A device's driver may be missing from the image, or refuse the device: that is no news. */
static void alias_load(struct modules *m, const char *alias)
{
	_cleanup_error_ struct error err = { 0 };

	if (*alias && modules_load(m, alias, &err) < 0)
		log_debug("%s", error_text(&err));
}

/* Adds what the devices of one bus are called; many are alike. */
static void bus_aliases(int bus, char ***aliases)
{
	_cleanup_close_ int fd = openat(bus, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_strv_ char **devices = fd < 0 ? NULL : dir_names(fd, ".", false, NULL);

	for (char **device = devices; device && *device; device++) {
		_cleanup_free_ char *path = str_format("%s/modalias", *device);
		_cleanup_buf_ struct buf text = { 0 };
		char *line;

		if (!path || file_read_at(fd, path, 4096, &text, NULL) < 0 || text.len == 0)
			continue;
		line = (char *)buf_text(&text);
		line[strcspn(line, "\n")] = '\0';
		if (!strv_has(*aliases, line) && strv_add(aliases, line) < 0)
			log_warn("devices: %s", strerror(errno));
	}
}

void coldplug_devices(struct modules *m)
{
	_cleanup_strv_ char **aliases = NULL, **buses = NULL;
	_cleanup_close_ int dir = -1;

	if (!modules_any(m))
		return; /* every driver is built in: nobody has to be asked what it is */
	dir = open("/sys/bus", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buses = dir < 0 ? NULL : dir_names(dir, ".", false, NULL);
	for (char **name = buses; name && *name; name++) {
		_cleanup_close_ int bus = openat(dir, *name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (bus >= 0)
			bus_aliases(bus, &aliases);
	}
	for (char **a = aliases; a && *a; a++)
		alias_load(m, *a);
}

int coldplug_events(struct modules *m, int fd, struct error *err)
{
	char buffer[UEVENT_MAX];
	struct uevent event;
	int r;

	while ((r = uevent_read(fd, buffer, &event, err)) > 0)
		if (str_eq(event.action, "add"))
			alias_load(m, event.modalias);
	return r;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

/* Paths of the *.conf files of the directories. A file of an earlier directory hides one of the same name. Sorted by
 * name. */
static char **lists_find(void)
{
	static const char *const directories[] = { "/etc/modules-load.d", "/usr/lib/modules-load.d",
						   "/lib/modules-load.d" };
	_cleanup_strv_ char **names = NULL;
	char **paths = NULL;

	for (size_t i = 0; i < array_len(directories); i++) {
		_cleanup_strv_ char **found = dir_names(AT_FDCWD, directories[i], false, NULL);

		for (char **n = found; n && *n; n++)
			if (str_ends(*n, ".conf") && !strv_has(names, *n) && strv_add(&names, *n) < 0)
				log_warn("%s: %s", directories[i], strerror(errno));
	}
	if (!names)
		return NULL;
	strv_sort(names);
	for (char **n = names; *n; n++)
		for (size_t i = 0; i < array_len(directories); i++) {
			_cleanup_free_ char *path = str_format("%s/%s", directories[i], *n);

			if (path && access(path, F_OK) == 0) {
				strv_take(&paths, steal_ptr(&path));
				break;
			}
		}
	return paths;
}

/* Modules by name, which somebody wants: what cannot be loaded is said. */
static void lists_load(struct modules *m)
{
	_cleanup_strv_ char **paths = lists_find();

	for (char **p = paths; p && *p; p++) {
		_cleanup_error_ struct error err = { 0 };
		_cleanup_buf_ struct buf text = { 0 };
		_cleanup_strv_ char **names = NULL;

		if (file_read(*p, LIST_MAX, &text, &err) < 0 ||
		    modconf_parse_list(buf_text(&text), text.len, &names) < 0)
			log_warn("%s: %s", *p, error_text(&err));
		for (char **n = names; n && *n; n++)
			if (modules_load(m, *n, &err) < 0)
				log_warn("%s: %s", *p, error_text(&err));
	}
}

/* --- the step --------------------------------------------------------------------------------------------- */

int rc_coldplug(struct rc *rc, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_modules_ struct modules *m = NULL;
	_cleanup_close_ int events = -1;

	(void)rc;
	if (!rc_is_machine())
		return 0;
	m = modules_open(NULL, &e);
	if (!m)
		return e.code == ENOENT ? 0 : error_move(err, &e);
	events = uevent_open(&e);
	if (events < 0)
		log_warn("%s", error_text(&e));
	lists_load(m);
	coldplug_devices(m);
	/* A driver that was loaded may have found devices of its own, such as those of a bus. */
	while (events >= 0 && coldplug_events(m, events, &e) < 0 && e.code == ENOBUFS)
		coldplug_devices(m);
	return 0;
}
