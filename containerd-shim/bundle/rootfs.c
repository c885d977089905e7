#include "rootfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "io.h"
#include "mount_private.h"
#include "mountinfo.h"

enum { MOUNTINFO_MAX = 64 << 20 };

/* places: where there is room for the layers of an overlay. */
static int mount_one(const char *root, const struct mount_prepared *p, const char *places, struct error *err)
{
	_cleanup_free_ char *below = NULL;
	const char *target = root;

	if (*p->target) {
		if (strstr(p->target, ".."))
			return error_set(err, EINVAL, "mount target %s", p->target);
		target = below = str_format("%s/%s", root, p->target);
		if (!below)
			return error_set(err, ENOMEM, "mount");
	}
	return p->uids ? mount_make_mapped(p, target, places, err) : mount_make(p, target, err);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static char *parts_dir(const char *target)
{
	return str_format("%s.parts", target);
}

static char *layers_dir(const char *target)
{
	return str_format("%s.layers", target);
}

/* Mounts that a later one is made of have places of their own. */
static size_t parts_count(Containerd__Types__Mount *const *mounts, size_t count)
{
	while (count > 0 && !mount_has_format(mounts[count - 1]))
		count--;
	return count > 0 ? count - 1 : 0;
}

static int part_mount(const char *parts, const Containerd__Types__Mount *m, const char *layers, struct mount_made *made,
		      size_t i, struct error *err)
{
	_cleanup_mount_prepared_ struct mount_prepared p = { 0 };
	_cleanup_free_ char *point = str_format("%s/%zu", parts, i);

	if (!point)
		return error_set(err, ENOMEM, "mount");
	if (mount_prepare(m, made, i, &p, err) < 0 || dir_make(point, 0700, err) < 0 ||
	    mount_one(point, &p, layers, err) < 0)
		return -1;
	made[i].source = steal_ptr(&p.source);
	made[i].target = steal_ptr(&p.target);
	made[i].point = steal_ptr(&point);
	return 0;
}

static int mount_all(const char *target, Containerd__Types__Mount *const *mounts, size_t count, size_t part_count,
		     struct mount_made *made, struct error *err)
{
	_cleanup_free_ char *parts = parts_dir(target), *layers = layers_dir(target);

	if (!parts || !layers)
		return error_set(err, ENOMEM, "mounts");
	for (size_t i = 0; i < part_count; i++)
		if (part_mount(parts, mounts[i], layers, made, i, err) < 0)
			return -1;
	for (size_t i = part_count; i < count; i++) {
		_cleanup_mount_prepared_ struct mount_prepared p = { 0 };

		if (mount_prepare(mounts[i], made, part_count, &p, err) < 0 || mount_one(target, &p, layers, err) < 0)
			return -1;
	}
	return 0;
}

int rootfs_mount(const char *target, Containerd__Types__Mount *const *mounts, size_t count, struct error *err)
{
	size_t part_count = parts_count(mounts, count);
	struct mount_made *made = calloc(part_count + 1, sizeof(*made));
	int r = made ? mount_all(target, mounts, count, part_count, made, err) : error_set(err, ENOMEM, "mounts");

	for (size_t i = 0; made && i < part_count; i++) {
		free(made[i].source);
		free(made[i].target);
		free(made[i].point);
	}
	free(made);
	if (r < 0)
		(void)rootfs_unmount(target, NULL); /* the first failure is the one to tell */
	return r;
}

/* --- taking away -------------------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int target_unmount(const char *path, struct error *err)
{
	if (umount2(path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
		return 0;
	/* Somebody still looks at it: it goes when that one does. */
	if (errno == EBUSY && umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		return 0;
	return error_set(err, errno, "unmount %s", path);
}

/* Only places without anything in them. */
static void parts_remove(const char *parts)
{
	int r = 0;

	for (size_t i = 0; r == 0; i++) {
		_cleanup_free_ char *point = str_format("%s/%zu", parts, i);

		r = point ? rmdir(point) : -1;
	}
	(void)rmdir(parts); /* nearly always there are none */
}

int rootfs_unmount(const char *target, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **found = NULL;
	_cleanup_free_ char *real = realpath(target, NULL), *parts = NULL, *layers = NULL;
	char *line, *next;
	size_t n;
	int r = 0;

	if (!real)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", target);
	parts = parts_dir(real);
	layers = layers_dir(real);
	if (!parts || !layers)
		return error_set(err, ENOMEM, "mounts");
	mount_places_remove(layers); /* of a shim that was killed while it mounted */
	if (file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return -1;
	for (line = (char *)buf_bytes(&text); line && *line; line = next) {
		struct mountinfo m;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (mountinfo_parse(line, &m) == 0 && (is_below(m.target, real) || is_below(m.target, parts)) &&
		    strv_add(&found, m.target) < 0)
			return error_set(err, ENOMEM, "mounts");
	}
	/* Later ones lie on or in earlier ones. */
	for (n = strv_len(found); n > 0; n--)
		if (target_unmount(found[n - 1], r == 0 ? err : NULL) < 0)
			r = -1;
	if (r == 0)
		parts_remove(parts);
	return r;
}
