/* The file system before it is mounted. */
#include <stdio.h>
#include <string.h>

#include "fsck.h"
#include "log.h"
#include "mount.h"
#include "str.h"

static void fsck_say(const struct buf *said)
{
	_cleanup_strv_ char **lines = strv_split(buf_text(said), "\r\n");

	for (char **l = lines; l && *l; l++)
		log_info("e2fsck: %s", *l);
}

/* ext4 whose first superblock is gone. What fsck says of something that is no file system at all is not said. */
static int ext_find(const char *path)
{
	_cleanup_buf_ struct buf said = { 0 };

	log_warn("%s: no file system is seen: looking for a copy of ext4's superblock", path);
	if (fsck_ext_copies(path, &said, NULL) < 0)
		return -1;
	fsck_say(&said);
	return 0;
}

static int ext_check(const char *path, struct error *err)
{
	_cleanup_buf_ struct buf said = { 0 };
	int r = fsck_ext(path, &said, err);

	fsck_say(&said);
	return r;
}

int check(const char *path, bool repair, char type[32], struct error *err)
{
	_cleanup_probe_ struct probe found = { 0 };
	_cleanup_free_ char *what = NULL;
	int r = probe_device(path, &found, err);

	if (r == 0 && repair) {
		if (ext_find(path) < 0)
			return error_set(err, 0, "%s: there is no file system on it", path);
		probe_free(&found);
		r = probe_device(path, &found, err);
	}
	if (r < 0)
		return -1;
	if (!found.type || !found.usage || !str_eq(found.usage, "filesystem"))
		return error_set(err, 0, "%s: there is no file system on it, but %s", path,
				 (what = probe_text(&found)) ? what : "something");
	snprintf(type, 32, "%s", found.type);
	if (str_starts(type, "ext") && repair)
		return ext_check(path, err);
	return 0;
}
