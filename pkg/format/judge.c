/* What is on a disk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "str.h"

void disk_free(struct disk *d)
{
	probe_free(&d->system);
	free(d->why);
}

int disk_partition(const char *path, char out[DRIVE_PATH], struct error *err)
{
	char drive[DRIVE_NAME], partition[DRIVE_NAME];

	if (device_name("/sys", path, drive, err) < 0)
		return -1;
	partition_name(partition, drive, 1);
	snprintf(out, DRIVE_PATH, "/dev/%s", partition);
	return 0;
}

static void disk_say(struct disk *d, enum disk_state state, char *why)
{
	d->state = state;
	d->why = why;
}

/* A table is there, and no mark. */
static void partition_judge(struct disk *d, const struct table *t)
{
	_cleanup_probe_ struct probe found = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *what = NULL;
	char path[DRIVE_PATH];
	int r;

	if (t->count != 1 || !t->parts[0].is_linux || t->parts[0].number != 1) {
		disk_say(d, DISK_OTHER,
			 str_format("a partition table with %zu partition%s", t->count,
				    t->count == 1 ? ", which is not Linux's" : "s"));
		return;
	}
	if (disk_partition(d->path, path, &err) < 0 || drive_wait(path, 0, path, &err) < 0)
		r = -1;
	else
		r = probe_device(path, &found, &err);
	if (r < 0)
		disk_say(d, DISK_OTHER, strdup(error_text(&err)));
	else if (r == 0)
		disk_say(d, DISK_OTHER, str_format("a Linux partition with nothing that is known in it"));
	else if (!found.usage || !str_eq(found.usage, "filesystem"))
		disk_say(d, DISK_OTHER, str_format("a partition with %s", what = probe_text(&found)));
	else {
		disk_say(d, DISK_FINISHED, probe_text(&found));
		d->system = found;
		memset(&found, 0, sizeof(found));
	}
}

void disk_judge(struct disk *d)
{
	_cleanup_probe_ struct probe found = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = drive_open(d->path, false, &err);
	static struct table t;
	int r = fd < 0 ? -1 : table_read(fd, &t, &err);

	if (r == 0 && *t.mark.type) {
		d->mark = t.mark;
		disk_say(d, DISK_UNFINISHED, strdup("a format that was not finished"));
		return;
	}
	if (r == 0)
		r = probe_device(d->path, &found, &err);
	if (r < 0)
		disk_say(d, DISK_OTHER, strdup(error_text(&err)));
	else if (found.type || found.ambivalent || (found.table && t.kind == TABLE_NONE))
		disk_say(d, DISK_OTHER, probe_text(&found));
	else if (t.kind != TABLE_NONE)
		partition_judge(d, &t);
	else
		disk_say(d, DISK_EMPTY, strdup("nothing"));
}
