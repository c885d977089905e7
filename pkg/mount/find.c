/* The device that is meant. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "log.h"
#include "mount.h"
#include "str.h"
#include "table.h"
#include "wait.h"

/* All block devices as paths, in their order. */
static char **devices_paths(struct error *err)
{
	_cleanup_strv_ char **names = devices_find("/sys", err);
	char **paths = names ? calloc(1, sizeof(*paths)) : NULL;

	for (char **n = names; n && *n && paths; n++)
		if (strv_addf(&paths, "/dev/%s", *n) < 0) {
			strv_free(paths);
			paths = NULL;
		}
	if (names && !paths)
		error_set(err, ENOMEM, "/dev");
	return paths;
}

static bool probe_matches(const struct probe *p, const char *label, const char *uuid)
{
	return label ? p->label && str_eq(p->label, label) : p->uuid && strcasecmp(p->uuid, uuid) == 0;
}

/* 1: found; 0: not there now. */
static int find_now(const char *label, const char *uuid, char path[DRIVE_PATH], struct error *err)
{
	_cleanup_strv_ char **paths = devices_paths(err);
	struct probe *found;
	size_t count, matches = 0;

	if (!paths || probe_devices(paths, &found, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!probe_matches(&found[i], label, uuid))
			continue;
		if (matches++ == 0)
			snprintf(path, DRIVE_PATH, "%s", found[i].device);
		else
			log_warn("%s has the %s %s, too: %s is taken", found[i].device, label ? "label" : "UUID",
				 label ? label : uuid, path);
	}
	probes_free(found, count);
	return matches > 0;
}

struct wanted {
	const char *label, *uuid;
	char *path;
};

static int find_try(void *data, struct error *err)
{
	struct wanted *w = data;

	return find_now(w->label, w->uuid, w->path, err);
}

int find_by(const char *label, const char *uuid, uint64_t wait_us, char path[DRIVE_PATH], struct error *err)
{
	struct wanted w = { label, uuid, path };
	int r = drives_wait(find_try, &w, wait_us, err);

	return r == 0 ? error_set(err, 0, "no device has the %s %s", label ? "label" : "UUID", label ? label : uuid)
		      : (r < 0 ? -1 : 0);
}

/* A look at all disks; `said` has why some were passed over. */
struct first {
	char *path;
	struct buf said;
};

/* Whether the disk's partition is for us; says why not. */
static bool partition_fits(struct first *f, const char *drive, const struct table_part *part)
{
	_cleanup_error_ struct error err = { 0 };
	char name[DRIVE_NAME];
	int fd;

	if (!part->is_linux)
		return false;
	partition_name(name, drive, part->number);
	snprintf(f->path, DRIVE_PATH, "/dev/%s", name);
	fd = drive_open(f->path, true, &err);
	if (fd < 0) {
		buf_addf(&f->said, "%s, passed over\n", error_text(&err));
		return false;
	}
	close(fd);
	return true;
}

static bool drive_fits(struct first *f, const char *drive)
{
	_cleanup_free_ char *disk = str_format("/dev/%s", drive);
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = disk ? drive_open(disk, false, &err) : -1;
	static struct table t;

	if (fd < 0 || table_read(fd, &t, &err) < 0) {
		buf_addf(&f->said, "/dev/%s: %s, passed over\n", drive, error_text(&err));
		return false;
	}
	if (*t.mark.type) {
		buf_addf(&f->said, "%s: a format of it was not finished: passed over\n", disk);
		return false;
	}
	for (size_t i = 0; i < t.count; i++)
		if (partition_fits(f, drive, &t.parts[i]))
			return true;
	return false;
}

static int first_try(void *data, struct error *err)
{
	_cleanup_strv_ char **drives = drives_find("/sys", err);
	struct first *f = data;

	buf_clear(&f->said);
	for (char **d = drives; d && *d; d++)
		if (drive_fits(f, *d))
			return 1;
	return drives ? 0 : -1;
}

int find_first(uint64_t wait_us, char path[DRIVE_PATH], struct error *err)
{
	struct first f = { .path = path };
	int r = drives_wait(first_try, &f, wait_us, err);
	_cleanup_strv_ char **lines = strv_split(buf_text(&f.said), "\n");

	buf_free(&f.said);
	for (char **l = lines; l && *l; l++)
		log_warn("%s", *l);
	return r == 0 ? error_set(err, 0, "no disk has a Linux partition that is not in use") : (r < 0 ? -1 : 0);
}

int device_is_finished(const char *path, struct error *err)
{
	char name[DRIVE_NAME], drive[DRIVE_NAME], disk[DRIVE_PATH];
	_cleanup_close_ int fd = -1;
	static struct table t;

	/* only the mark is a reason not to mount: what cannot be looked at here is for the mount to refuse */
	if (device_name("/sys", path, name, NULL) < 0 || partition_drive("/sys", name, drive) < 0)
		return 0;
	snprintf(disk, sizeof(disk), "/dev/%s", drive);
	fd = drive_open(disk, false, NULL);
	if (fd < 0 || table_read(fd, &t, NULL) < 0 || !*t.mark.type)
		return 0;
	return error_set(err, 0, "%s: a format of %s was not finished: the next format begins it anew", path, disk);
}
