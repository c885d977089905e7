#include "volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "beneath.h"
#include "io.h"
#include "log.h"
#include "mountopt.h"
#include "str.h"
#include "upper.h"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What the writable layer is on: a tmpfs, or a folder of a disk (an O_PATH descriptor). */
static int mount_upper(const char *tmp, int keep, struct error *err)
{
	char from[BENEATH_FD_PATH_MAX];
	int r = keep < 0 ? mount("tmpfs", tmp, "tmpfs", MS_RELATIME, NULL)
			 : mount(beneath_fd_path(from, keep), tmp, NULL, MS_BIND, NULL);

	return r < 0 ? error_set(err, errno, "mount %s on %s", keep < 0 ? "tmpfs" : "a folder of the disk", tmp) : 0;
}

/* On a disk it may be there, and is not to be a link that somebody has put there. */
static int directory_make(const char *path, struct error *err)
{
	_cleanup_close_ int fd = beneath_machine_dir(path, 0755, err);

	return fd < 0 ? -1 : 0;
}

static int mount_writable(const char *lower, const char *tmp, const char *merged, int keep, struct error *err)
{
	_cleanup_free_ char *upper = str_format("%s/upper", tmp), *work = str_format("%s/work", tmp);
	_cleanup_free_ char *data = str_format("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, tmp, tmp);

	if (!upper || !work || !data)
		return error_set(err, ENOMEM, "%s", merged);
	if (mount_upper(tmp, keep, err) < 0)
		return -1;
	if (directory_make(upper, err) == 0 && directory_make(work, err) == 0) {
		if (mount("overlay", merged, "overlay", MS_RELATIME, data) == 0)
			return 0;
		error_set(err, errno, "mount overlay on %s", merged);
	}
	umount2(tmp, MNT_DETACH);
	return -1;
}

static int volume_mount(const char *dir, const char *name, struct error *err)
{
	_cleanup_free_ char *lower = str_format("%s/%s/lower", dir, name), *tmp = str_format("%s/%s/tmp", dir, name);
	_cleanup_free_ char *merged = str_format("%s/%s/merged", dir, name);
	struct mount_options read_only = { .flags = MS_BIND | MS_RDONLY };

	if (!lower || !tmp || !merged)
		return error_set(err, ENOMEM, "%s", name);
	if (!is_directory(lower))
		return error_set(err, ENOTDIR, "%s", lower);
	if (!is_directory(merged))
		return error_set(err, ENOTDIR, "%s", merged);
	if (is_directory(tmp))
		return mount_writable(lower, tmp, merged, -1, err);
	return mount_apply(lower, merged, NULL, &read_only, err);
}

/* 1: it is on the disk now; 0: it is not one that is written, or there is no disk; -1: as at the beginning, in memory.
 */
static int volume_keep(const char *dir, const char *name, const char *on, struct error *err)
{
	_cleanup_free_ char *lower = str_format("%s/%s/lower", dir, name), *tmp = str_format("%s/%s/tmp", dir, name);
	_cleanup_free_ char *merged = str_format("%s/%s/merged", dir, name), *folder = str_format("%s/%s", on, name);
	_cleanup_close_ int keep = -1;
	int r;

	if (!lower || !tmp || !merged || !folder)
		return error_set(err, ENOMEM, "%s", name);
	if (!is_directory(tmp))
		return 0;
	r = upper_open(folder, &keep, err);
	if (r <= 0)
		return r;
	/* who has it mounted keeps what there was */
	umount2(merged, MNT_DETACH | UMOUNT_NOFOLLOW);
	umount2(tmp, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (mount_writable(lower, tmp, merged, keep, err) == 0)
		return 1;
	/* a disk that does not do is no reason to lose what the volume begins with */
	mount_writable(lower, tmp, merged, -1, NULL);
	return -1;
}

/* For each volume; how many failed. */
static int volumes_each(char **names, const char *path, const char *on)
{
	int failed = 0;

	for (char **name = names; *name; name++) {
		_cleanup_error_ struct error why = { 0 };
		int r = on ? volume_keep(path, *name, on, &why) : volume_mount(path, *name, &why);

		if (on && r == 0)
			log_debug("%s: stays in memory", *name);
		if (r < 0) {
			log_error("%s: %s", *name, error_text(&why));
			failed++;
		}
	}
	return failed;
}

static int volumes_all(const char *path, const char *on, struct error *err)
{
	_cleanup_error_ struct error missing = { 0 };
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, path, false, &missing);

	if (!names)
		return missing.code == ENOENT ? 0 : error_move(err, &missing);
	return volumes_each(names, path, on);
}

int volumes_mount(const char *path, struct error *err)
{
	return volumes_all(path, NULL, err);
}

int volumes_keep(const char *path, const char *on, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r = upper_open(on, &fd, err);

	if (r == 0)
		log_warn("no writable disk is mounted at %s: volumes stay in memory", on);
	return r <= 0 ? r : volumes_all(path, on, err);
}
