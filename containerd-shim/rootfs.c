#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "io.h"
#include "loopdev.h"
#include "mountinfo.h"
#include "mountopt.h"
#include "str.h"

enum {
	MOUNTINFO_MAX = 64 << 20,
	DATA_MAX = 3584, /* of mount(2)'s page, as containerd leaves room too */
};

/* --- overlays with many layers -------------------------------------------------------------------------------- */

static const char *option_paths(const char *option)
{
	static const char name[] = "lowerdir=";

	return str_starts(option, name) ? option + strlen(name) : NULL;
}

/* Shortens *n to what of `common` this path begins with. */
static void common_with(const char *common, size_t *n, const char *path, size_t len)
{
	size_t i = 0;

	while (i < *n && i < len && common[i] == path[i])
		i++;
	while (i > 0 && common[i - 1] != '/')
		i--;
	*n = i;
}

/* The options' paths without their first `cut` bytes each. */
static int options_cut(char *const *options, size_t cut, char ***out)
{
	for (char *const *o = options; *o; o++) {
		const char *paths = option_paths(*o);
		_cleanup_strv_ char **parts = NULL;
		_cleanup_free_ char *joined = NULL;

		if (!paths) {
			if (strv_add(out, *o) < 0)
				return -1;
			continue;
		}
		parts = strv_split(paths, ":");
		for (char **p = parts; p && *p; p++)
			memmove(*p, *p + cut, strlen(*p + cut) + 1);
		joined = parts ? strv_join(parts, ":") : NULL;
		if (!joined || strv_addf(out, "%.*s%s", (int)(paths - *o), *o, joined) < 0)
			return -1;
	}
	return 0;
}

int rootfs_compact(char *const *options, char **dir, char ***shorter, struct error *err)
{
	_cleanup_strv_ char **cut = NULL;
	const char *common = NULL;
	size_t n = 0;

	*dir = NULL;
	*shorter = NULL;
	for (char *const *o = options; *o; o++) {
		const char *path = option_paths(*o);

		while (path && *path) {
			size_t len = strcspn(path, ":");

			if (!common) {
				common = path;
				n = len;
			}
			common_with(common, &n, path, len);
			path += len + (path[len] == ':');
		}
	}
	/* A path with an escaped colon cannot be told from two. */
	for (char *const *o = options; *o; o++)
		if (option_paths(*o) && strchr(*o, '\\'))
			n = 0;
	if (n <= 1)
		return 0;
	*dir = strndup(common, n);
	if (!*dir || options_cut(options, n, &cut) < 0) {
		free(*dir);
		*dir = NULL;
		return error_set(err, ENOMEM, "mount options");
	}
	*shorter = steal_ptr(&cut);
	return 0;
}

static size_t options_size(char *const *options)
{
	size_t n = 0;

	for (char *const *o = options; *o; o++)
		n += strlen(*o) + 1;
	return n;
}

/* The paths are looked up from the directory that we are in: single-threaded, we can go there and back. */
static int mount_compacted(const Containerd__Types__Mount *m, const char *target, char *const *options,
			   struct error *err)
{
	_cleanup_mount_options_ struct mount_options parsed = { 0 };
	_cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *dir = NULL;
	_cleanup_strv_ char **shorter = NULL;
	int r;

	if (here < 0)
		return error_set(err, errno, "working directory");
	if (rootfs_compact(options, &dir, &shorter, err) < 0)
		return -1;
	if (!dir)
		return error_set(err, E2BIG, "mount options");
	if (mount_options_parse(shorter, &parsed, err) < 0)
		return -1;
	if (chdir(dir) < 0)
		return error_set(err, errno, "%s", dir);
	r = mount_apply(m->source, target, m->type, &parsed, err);
	if (fchdir(here) < 0 && r == 0)
		r = error_set(err, errno, "working directory");
	return r;
}

/* --- one mount --------------------------------------------------------------------------------------------------- */

/* Options that are containerd's own, not the file system's. */
static int own_options(const Containerd__Types__Mount *m, char ***options, bool *loop, struct error *err)
{
	*loop = false;
	for (size_t i = 0; i < m->n_options; i++) {
		const char *o = m->options[i];

		if (str_eq(o, "loop")) {
			*loop = true;
			continue;
		}
		if (str_starts(o, "uidmap=") || str_starts(o, "gidmap="))
			return error_set(err, ENOTSUP, "mount option %s", o);
		if (strv_add(options, o) < 0)
			return error_set(err, ENOMEM, "mount options");
	}
	return 0;
}

static int mount_loop(const Containerd__Types__Mount *m, const char *target, const struct mount_options *o,
		      struct error *err)
{
	char device[LOOPDEV_NAME];
	_cleanup_close_ int fd = loopdev_attach(m->source, (o->flags & MS_RDONLY) != 0, device, err);

	return fd < 0 ? -1 : mount_apply(device, target, m->type, o, err);
}

static int mount_one(const char *root, const Containerd__Types__Mount *m, struct error *err)
{
	_cleanup_mount_options_ struct mount_options parsed = { 0 };
	_cleanup_strv_ char **options = NULL;
	_cleanup_free_ char *below = NULL;
	const char *target = root;
	bool loop;

	if (*m->target) {
		if (strstr(m->target, ".."))
			return error_set(err, EINVAL, "mount target %s", m->target);
		target = below = str_format("%s/%s", root, m->target);
		if (!below)
			return error_set(err, ENOMEM, "mount");
	}
	if (own_options(m, &options, &loop, err) < 0)
		return -1;
	if (str_eq(m->type, "overlay") && options && options_size(options) > DATA_MAX)
		return mount_compacted(m, target, options, err);
	if (mount_options_parse(options, &parsed, err) < 0)
		return -1;
	/* A bind mount's type is only a name. */
	return loop ? mount_loop(m, target, &parsed, err) : mount_apply(m->source, target, m->type, &parsed, err);
}

int rootfs_mount(const char *target, Containerd__Types__Mount *const *mounts, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (mount_one(target, mounts[i], err) < 0) {
			(void)rootfs_unmount(target, NULL); /* the first failure is the one to tell */
			return -1;
		}
	return 0;
}

/* --- taking away ---------------------------------------------------------------------------------------------------
 */

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int unmount(const char *path, struct error *err)
{
	if (umount2(path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
		return 0;
	/* Somebody still looks at it: it goes when that one does. */
	if (errno == EBUSY && umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		return 0;
	return error_set(err, errno, "unmount %s", path);
}

int rootfs_unmount(const char *target, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **found = NULL;
	_cleanup_free_ char *real = realpath(target, NULL);
	char *line, *next;
	size_t n;
	int r = 0;

	if (!real)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", target);
	if (file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return -1;
	for (line = (char *)buf_bytes(&text); line && *line; line = next) {
		struct mountinfo m;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (mountinfo_parse(line, &m) == 0 && is_below(m.target, real) && strv_add(&found, m.target) < 0)
			return error_set(err, ENOMEM, "mounts");
	}
	/* Later ones lie on or in earlier ones. */
	for (n = strv_len(found); n > 0; n--)
		if (unmount(found[n - 1], r == 0 ? err : NULL) < 0)
			r = -1;
	return r;
}
