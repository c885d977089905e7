/* What is on a disk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "edges.h"
#include "format.h"
#include "str.h"
#include "wait.h"

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

static void unreadable_say(struct disk *d, const struct error *err)
{
	disk_say(d, DISK_OTHER, str_format("something that cannot be read (%s)", error_text(err)));
}

/* 1: the device has the mark of dm-crypt; 0: it has not; -1: it cannot be read. */
static int crypt_find(int fd, struct crypt_mark *mark, struct error *err)
{
	return crypt_mark_read(fd, mark, err) < 0 ? -1 : mark->state != CRYPT_NONE;
}

/* What is in a partition: 1: it is encrypted, 0: it is not, and `found` is what blkid knows of it; -1. */
static int partition_look(const char *path, struct probe *found, struct crypt_mark *mark, struct error *err)
{
	_cleanup_close_ int fd = device_wait(path, 0, err) < 0 ? -1 : drive_open(path, false, err);
	int r = fd < 0 ? -1 : crypt_find(fd, mark, err);

	if (r == 0 && probe_device(path, found, err) < 0)
		return -1;
	if (r == 0 && found->type && str_eq(found->type, "crypto_LUKS")) {
		*mark = (struct crypt_mark){ .state = CRYPT_READY, .mode = "luks" };
		return 1;
	}
	return r;
}

static void encrypted_say(struct disk *d, const char *partition)
{
	bool label = d->crypt.label_known && *d->crypt.label;
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = drive_open(partition, true, &err);

	d->in_use = fd < 0 && err.code == EBUSY;
	disk_say(d, DISK_ENCRYPTED,
		 str_format("an encrypted partition (dm-crypt, %s)%s%s", d->crypt.mode,
			    label ? ", which had the label " : "", label ? d->crypt.label : ""));
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
	r = disk_partition(d->path, path, &err) < 0 ? -1 : partition_look(path, &found, &d->crypt, &err);
	if (r < 0)
		unreadable_say(d, &err);
	else if (r > 0)
		encrypted_say(d, path);
	else if (!found.type && !found.table && !found.ambivalent)
		disk_say(d, DISK_OTHER, str_format("a Linux partition with nothing that is known in it"));
	else if (!found.usage || !str_eq(found.usage, "filesystem"))
		disk_say(d, DISK_OTHER, str_format("a partition with %s", what = probe_text(&found)));
	else {
		disk_say(d, DISK_FINISHED, probe_text(&found));
		d->system = found;
		memset(&found, 0, sizeof(found));
	}
}

/* Neither a table nor anything that blkid knows. What is not zeros is somebody's who knows what it means: a disk that
 * is encrypted in plain mode, or a database on a raw disk. blkid also says "nothing" where it could not read. */
static void edges_judge(struct disk *d, int fd)
{
	_cleanup_error_ struct error err = { 0 };
	int r = edges_blank(fd, &err);

	if (r < 0)
		unreadable_say(d, &err);
	else if (r == 0)
		disk_say(d, DISK_OTHER, strdup("something that is neither empty nor known"));
	else
		disk_say(d, DISK_EMPTY, strdup("nothing"));
}

void disk_judge(struct disk *d)
{
	_cleanup_probe_ struct probe found = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = drive_open(d->path, false, &err);
	struct crypt_mark mark;
	static struct table t;
	bool encrypted;
	int r = fd < 0 ? -1 : table_read(fd, &t, &err);

	if (r == 0 && *t.mark.type) {
		d->mark = t.mark;
		disk_say(d, DISK_UNFINISHED, strdup("a format that was not finished"));
		return;
	}
	if (r == 0)
		r = crypt_find(fd, &mark, &err);
	encrypted = r > 0 && t.kind == TABLE_NONE; /* with a table the end of the disk is that of its last partition */
	if (r >= 0)
		r = probe_device(d->path, &found, &err);
	if (r < 0)
		unreadable_say(d, &err);
	else if (encrypted)
		disk_say(d, DISK_OTHER, str_format("an encrypted device (dm-crypt, %s)", mark.mode));
	else if (found.type || found.ambivalent || (found.table && t.kind == TABLE_NONE))
		disk_say(d, DISK_OTHER, probe_text(&found));
	else if (t.kind != TABLE_NONE)
		partition_judge(d, &t);
	else
		edges_judge(d, fd);
}
