/* extend: gives a disk's one partition, and its file system, all of a disk that has become larger.
 *
 * The partition's end moves with one write (table.h), the file system grows in its journal (grow.h), and both steps can
 * be done again: a boot that ends in between loses nothing, and the next one goes on. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "drive.h"
#include "fsck.h"
#include "grow.h"
#include "io.h"
#include "log.h"
#include "probe.h"
#include "program.h"
#include "str.h"
#include "table.h"
#include "wait.h"

enum { WAIT_SECONDS = 10, WAIT_MOST = 3600 };

struct options {
	int type;
	bool stop;
	uint64_t wait; /* seconds */
};

static const char *const types[] = { "ext4", "xfs", "btrfs", NULL };

static const struct option rows[] = {
	{ .name = "type",
	  .argument = "TYPE",
	  .help = "the file system: ext4 (the default), xfs or btrfs",
	  .set = option_set_choice,
	  .field = offsetof(struct options, type),
	  .choices = types },
	{ .name = "stop-on-error",
	  .help = "end at the first disk that cannot be extended (the default), or go on with the next: "
		  "-stop-on-error=false",
	  .set = option_set_switch,
	  .field = offsetof(struct options, stop) },
	{ .name = "wait",
	  .argument = "SECONDS",
	  .help = "for a disk that is not there yet (10)",
	  .set = option_set_number,
	  .field = offsetof(struct options, wait),
	  .max = WAIT_MOST },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "extend",
	.words = "[DISK...]",
	.text = "Gives the one Linux partition of each disk that is named, else of all disks, the room behind it, and\n"
		"makes its file system as large.",
	.options = rows,
};

/* 1: there is one partition, of ours; 0: it is not for us, and that was said. */
static int table_fits(const char *path, int fd, struct table *t, bool named, struct error *err)
{
	if (table_read(fd, t, err) < 0)
		return error_wrap(err, "%s", path);
	if (t->kind == TABLE_NONE) {
		log_info("%s: no partition table: passed over", path);
		return 0;
	}
	if (t->count != 1) {
		log_info("%s: %zu partitions, not one: passed over", path, t->count);
		return 0;
	}
	if (*t->mark.type) {
		log_info("%s: a format of it was not finished: passed over", path);
		return 0;
	}
	if (t->parts[0].is_linux)
		return 1;
	if (named)
		return error_set(err, 0, "%s: its partition is not a Linux partition", path);
	log_info("%s: its partition is not a Linux partition: passed over", path);
	return 0;
}

/* The table first, then the kernel's view of it. What a torn write has left is made whole on the way. */
static int table_extend(const char *path, int fd, struct table *t, struct error *err)
{
	const struct table_part *p = &t->parts[0];
	int grown = table_grow(t, err);

	if (grown < 0)
		return error_wrap(err, "%s", path);
	if ((grown || t->torn || (t->kind == TABLE_GPT && t->moved)) && table_write(fd, t, err) < 0)
		return error_wrap(err, "%s", path);
	if (partition_resized(fd, p->number, p->start * t->sector, p->sectors * t->sector, err) < 0)
		return error_wrap(err, "%s", path);
	return grown;
}

/* The partition and what is in it; fails before anything is changed when that is not as wanted. */
static int system_look(const char *path, unsigned number, const char *type, char partition[DRIVE_PATH],
		       struct error *err)
{
	_cleanup_probe_ struct probe found = { 0 };
	_cleanup_free_ char *what = NULL;
	char drive[DRIVE_NAME], name[DRIVE_NAME];

	if (device_name("/sys", path, drive, err) < 0)
		return -1;
	partition_name(name, drive, number);
	snprintf(partition, DRIVE_PATH, "/dev/%s", name);
	if (probe_device(partition, &found, err) < 0)
		return -1;
	if (found.type && str_eq(found.type, type))
		return 0;
	return error_set(err, 0, "%s: there is %s on it, and not %s", partition,
			 (what = probe_text(&found)) ? what : "something", type);
}

static int ext_check(const char *path, struct error *err)
{
	_cleanup_buf_ struct buf said = { 0 };
	int r = fsck_ext(path, &said, err);
	_cleanup_strv_ char **lines = strv_split(buf_text(&said), "\r\n");

	for (char **l = lines; l && *l; l++)
		log_info("e2fsck: %s", *l);
	return r;
}

/* The disk for writing; 0 as `fits` says that it is used by somebody else and nobody has named it. */
static int disk_claim(const char *path, bool named, int *fits, struct error *err)
{
	int fd = drive_open(path, true, err);

	if (fd < 0 && !named && (err->code == EBUSY || err->code == EROFS)) {
		log_info("%s, passed over", error_text(err));
		*fits = 0;
		error_clear(err);
	}
	return fd;
}

static int table_extend_on(const char *path, struct table *t, struct error *err)
{
	_cleanup_close_ int fd = drive_open(path, true, err);

	return fd < 0 ? -1 : table_extend(path, fd, t, err);
}

static int disk_extend(const char *path, const char *type, bool named, struct error *err)
{
	_cleanup_close_ int fd = drive_open(path, false, err);
	char partition[DRIVE_PATH];
	static struct table t;
	int fits = fd < 0 ? -1 : table_fits(path, fd, &t, named, err), grown, larger;

	if (fits <= 0)
		return fits;
	close(steal_fd(&fd));
	fd = disk_claim(path, named, &fits, err);
	if (fd < 0)
		return fits == 0 ? 0 : -1;
	if (t.torn) { /* the kernel knows no partitions of it */
		log_warn("%s: its GPT is damaged, and is made again from the backup at its end", path);
		if (table_extend(path, fd, &t, err) < 0)
			return -1;
	}
	close(steal_fd(&fd)); /* while others look at the partition */
	if (system_look(path, t.parts[0].number, type, partition, err) < 0 ||
	    (str_eq(type, "ext4") && ext_check(partition, err) < 0))
		return -1;
	grown = table_extend_on(path, &t, err);
	larger = grown < 0 ? -1 : grow(partition, type, err);
	if (larger < 0)
		return -1;
	log_info(grown || larger ? "%s: %s has all of the disk now" : "%s: %s has all of the disk", path, partition);
	return 0;
}

static int disk_extend_named(const char *name, const struct options *o, struct error *err)
{
	char path[DRIVE_PATH];

	return drive_wait(name, o->wait * 1000000, path, err) < 0 ? -1 : disk_extend(path, types[o->type], true, err);
}

static int disk_extend_found(const char *name, const struct options *o, struct error *err)
{
	char path[DRIVE_PATH];

	snprintf(path, sizeof(path), "/dev/%s", name);
	return disk_extend(path, types[o->type], false, err);
}

/* 1: it can be extended, as far as its table tells; 0: it cannot; -1: it cannot be read, or has no node yet. */
static int disk_has_partition(const char *name)
{
	_cleanup_free_ char *path = str_format("/dev/%s", name);
	_cleanup_close_ int fd = path ? drive_open(path, false, NULL) : -1;
	static struct table t;

	if (fd < 0 || table_read(fd, &t, NULL) < 0)
		return -1;
	return t.count == 1 && t.parts[0].is_linux && !*t.mark.type;
}

/* For drives_wait(): one that can be extended is what all are waited for. Where there are only others, as on a first
 * boot, it may be about to come. */
static int disks_look(void *data, struct error *err)
{
	char ***drives = data;
	int found = 0;

	strv_free(*drives);
	*drives = drives_find("/sys", err);
	if (!*drives)
		return -1;
	for (char **d = *drives; *d; d++) {
		int r = disk_has_partition(*d);

		if (r > 0)
			return 1;
		if (r == 0)
			found = DRIVES_SETTLE;
	}
	return found;
}

static int disks_extend(char **disks, const struct options *o, bool named, struct error *err)
{
	int (*one)(const char *, const struct options *, struct error *) =
		named ? disk_extend_named : disk_extend_found;
	int failed = 0;

	for (; *disks; disks++) {
		_cleanup_error_ struct error why = { 0 };

		if (one(*disks, o, &why) == 0)
			continue;
		if (o->stop)
			return error_move(err, &why);
		log_error("%s", error_text(&why));
		failed++;
	}
	return failed ? error_set(err, 0, "%d disk%s could not be extended", failed, failed == 1 ? "" : "s") : 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **drives = NULL;
	struct options o = { .stop = true, .wait = WAIT_SECONDS };
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("extend", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	if (argv[1]) {
		r = disks_extend(argv + 1, &o, true, &err);
	} else {
		r = drives_wait(disks_look, &drives, o.wait * 1000000, &err);
		if (r >= 0 && !*drives)
			log_info("there is no disk");
		r = r < 0 ? -1 : disks_extend(drives, &o, false, &err);
	}
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : 0;
}
