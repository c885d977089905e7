#include "volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "io.h"
#include "log.h"
#include "mountopt.h"
#include "str.h"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int mount_writable(const char *lower, const char *tmp, const char *merged, struct error *err)
{
	_cleanup_free_ char *upper = str_format("%s/upper", tmp), *work = str_format("%s/work", tmp);
	_cleanup_free_ char *data = str_format("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, tmp, tmp);

	if (!upper || !work || !data)
		return error_set(err, ENOMEM, "%s", merged);
	if (mount("tmpfs", tmp, "tmpfs", MS_RELATIME, NULL) < 0)
		return error_set(err, errno, "mount tmpfs on %s", tmp);
	if (mkdir(upper, 0755) == 0 && mkdir(work, 0755) == 0 &&
	    mount("overlay", merged, "overlay", MS_RELATIME, data) == 0)
		return 0;
	error_set(err, errno, "mount overlay on %s", merged);
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
		return mount_writable(lower, tmp, merged, err);
	return mount_apply(lower, merged, NULL, &read_only, err);
}

int volumes_mount(const char *path, struct error *err)
{
	_cleanup_error_ struct error missing = { 0 };
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, path, false, &missing);
	int failed = 0;

	if (!names)
		return missing.code == ENOENT ? 0 : error_move(err, &missing);
	for (char **name = names; *name; name++) {
		_cleanup_error_ struct error why = { 0 };

		if (volume_mount(path, *name, &why) < 0) {
			log_error("%s: %s", *name, error_text(&why));
			failed++;
		}
	}
	return failed;
}
