#include "links.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "drive.h"
#include "io.h"
#include "str.h"

char *links_encode(const char *value)
{
	_cleanup_buf_ struct buf out = { 0 };
	size_t left = strlen(value);

	while (left > 0) {
		unsigned char c = (unsigned char)*value;
		size_t n = str_shown(value, left);
		int r;

		if (n > 1)
			r = buf_add(&out, value, n);
		else if (n == 1 && (isalnum(c) || strchr("#+-.:=@_", c)))
			r = buf_add(&out, value, 1);
		else
			r = buf_addf(&out, "\\x%02x", c);
		if (r < 0)
			return NULL;
		value += n ? n : 1;
		left -= n ? n : 1;
	}
	return buf_steal_text(&out);
}

/* The folders, and what of a device its links there are named by. */
static const struct by {
	const char *folder;
	size_t field;
} kinds[] = {
	{ "by-uuid", offsetof(struct probe, uuid) },
	{ "by-label", offsetof(struct probe, label) },
	{ "by-partuuid", offsetof(struct probe, part_uuid) },
	{ "by-partlabel", offsetof(struct probe, part_label) },
};

static const char *by_value(const struct probe *p, const struct by *by)
{
	const char *value = *(char *const *)((const char *)p + by->field);

	return value && *value && !str_eq(value, ".") && !str_eq(value, "..") ? value : NULL;
}

/* "../../vda1"; caller frees. */
static char *link_target(const char *dev, const char *device)
{
	bool below = str_starts(device, dev) && device[strlen(dev)] == '/';

	return str_format("../../%s", below ? device + strlen(dev) + 1 : device);
}

/* Whether the link leads to a device that was found, by a name that this device still has. */
static bool link_holds(const char *dev, const struct by *by, const char *name, const struct probe *found, size_t count)
{
	_cleanup_free_ char *path = str_format("%s/disk/%s/%s", dev, by->folder, name);
	char now[PATH_MAX];
	ssize_t n = path ? readlink(path, now, sizeof(now) - 1) : -1;

	if (n < 0)
		return false;
	now[n] = '\0';
	for (size_t i = 0; i < count; i++) {
		const char *value = by_value(&found[i], by);
		_cleanup_free_ char *target = value ? link_target(dev, found[i].device) : NULL;
		_cleanup_free_ char *has = target && str_eq(target, now) ? links_encode(value) : NULL;

		if (has && str_eq(has, name))
			return true;
	}
	return false;
}

static int link_make(const char *dev, const struct by *by, const struct probe *of, const struct probe *found,
		     size_t count, struct error *err)
{
	const char *value = by_value(of, by);
	_cleanup_free_ char *name = value ? links_encode(value) : NULL, *target = NULL;
	_cleanup_free_ char *dir = str_format("%s/disk/%s", dev, by->folder);
	_cleanup_free_ char *path = name && dir ? str_format("%s/%s", dir, name) : NULL;

	if (!value)
		return 0;
	target = link_target(dev, of->device);
	if (!path || !target)
		return error_set(err, ENOMEM, "%s", of->device);
	if (dir_make(dir, 0755, err) < 0)
		return -1;
	if (link_holds(dev, by, name, found, count))
		return 0;
	unlink(path);
	/* a label that is too long for a name has no link, and is no reason to make no others */
	if (symlink(target, path) < 0 && errno != EEXIST && errno != ENAMETOOLONG)
		return error_set(err, errno, "%s", path);
	return 0;
}

/* A device that has gone takes its links along, and one with another label that of before. */
static void links_prune(const char *dev, const struct by *by, const struct probe *found, size_t count)
{
	_cleanup_free_ char *dir = str_format("%s/disk/%s", dev, by->folder);
	_cleanup_strv_ char **names = dir ? dir_names(AT_FDCWD, dir, false, NULL) : NULL;

	for (char **n = names; n && *n; n++) {
		_cleanup_free_ char *path = str_format("%s/%s", dir, *n);

		if (path && !link_holds(dev, by, *n, found, count))
			unlink(path);
	}
}

int links_make(const char *dev, const struct probe *found, size_t count, struct error *err)
{
	for (size_t k = 0; k < array_len(kinds); k++) {
		links_prune(dev, &kinds[k], found, count);
		for (size_t i = 0; i < count; i++)
			if (link_make(dev, &kinds[k], &found[i], found, count, err) < 0)
				return -1;
	}
	return 0;
}

int links_refresh(struct error *err)
{
	_cleanup_strv_ char **names = devices_find("/sys", err), **paths = NULL;
	struct probe *found = NULL;
	size_t count = 0;
	int r;

	if (!names)
		return -1;
	for (char **n = names; *n; n++)
		if (strv_addf(&paths, "/dev/%s", *n) < 0)
			return error_set(err, ENOMEM, LINKS_DIR);
	if (!paths)
		return 0;
	r = probe_devices(paths, &found, &count, err) < 0 ? -1 : links_make("/dev", found, count, err);
	probes_free(found, count);
	return r;
}
