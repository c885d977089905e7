/* Disks: which of them may hold userdata, and what they hold. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "local.h"
#include "str.h"
#include "volume.h"

static int disk_open(const char *path, struct medium *m, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", path);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return error_say(err, ENOTBLK, "%s: neither a disk nor an image of one", path);
	return medium_open(m, fd, err) < 0 ? error_wrap(err, "%s", path) : steal_fd(&fd);
}

static int disk_read(const struct medium *m, const struct volume *v, struct findings *out, net_say_fn *say,
		     struct error *err)
{
	_cleanup_buf_ struct buf user = { 0 }, metadata = { 0 };
	_cleanup_error_ struct error own = { 0 };
	int r = volume_read(m, v, "user-data", USERDATA_MAX, &user, err);

	if (r == 0)
		r = volume_read(m, v, "config", USERDATA_MAX, &user, err);
	if (r <= 0 || user.len == 0) /* an empty one is none, as LinuxKit has it */
		return r < 0 ? -1 : 0;
	if (volume_read(m, v, "meta-data", FINDING_MAX, &metadata, &own) < 0)
		say(false, "meta-data", error_text(&own));
	metadata_take(&metadata, out, say);
	findings_userdata(out, &user);
	return 1;
}

int local_disk(const char *path, struct findings *out, net_say_fn *say, struct error *err)
{
	struct medium m;
	struct volume v;
	_cleanup_close_ int fd = disk_open(path, &m, err);
	int r;

	if (fd < 0)
		return -1;
	r = volume_probe(&m, &v, err);
	if (r > 0)
		r = disk_read(&m, &v, out, say, err);
	return r < 0 ? error_wrap(err, "%s", path) : r;
}

static bool disk_is_cidata(const char *path)
{
	struct medium m;
	struct volume v;
	_cleanup_close_ int fd = disk_open(path, &m, NULL);

	return fd >= 0 && volume_probe(&m, &v, NULL) > 0 && strcasecmp(v.label, "cidata") == 0;
}

char **local_disks(void)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, "/sys/class/block", false, NULL), **cidata = NULL,
			    **drives = NULL;
	char **all = NULL;

	for (char **n = names; n && *n; n++) {
		_cleanup_free_ char *path = str_format("/dev/%s", *n);

		if (!path)
			return NULL;
		if (str_starts(*n, "loop") || str_starts(*n, "ram"))
			continue;
		if (disk_is_cidata(path)) {
			if (strv_add(&cidata, path) < 0)
				return NULL;
		} else if (str_starts(*n, "sr") && isdigit((unsigned char)(*n)[2]) && strv_add(&drives, path) < 0) {
			return NULL;
		}
	}
	all = strv_copy(cidata);
	for (char **d = drives; all && d && *d; d++)
		if (strv_add(&all, *d) < 0) {
			strv_free(all);
			return NULL;
		}
	return all;
}
