/* One partition over all of a disk, with a file system in it.
 *
 *   1  the table, with the mark in the same write: from here on the disk is known as one that is being made. A GPT
 * takes more writes than one, so a DOS table with the mark, which takes one, comes before it 2  what older signatures
 * may be in: the gap in front of the partition, and the disk's last mebibyte 3  where copies of an older ext4's
 * superblock may be: a later repair would take one for the new file system's 4  mkfs, and all of it on the disk 5  the
 * mark goes
 *
 * A power cut before 1 leaves the disk as it was; one between 1 and 5 a disk that the next boot begins anew with; one
 * after 5 a disk that is ready. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "format.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "tool.h"
#include "wait.h"

#define NODE_US   10000000 /* the kernel makes it at once */
#define EDGE_SIZE (1 << 20)

/* What LinuxKit's package asks of ext4. */
#define EXT4_FEATURES "resize_inode,has_journal,extent,huge_file,flex_bg,uninit_bg,64bit,dir_nlink,extra_isize"

static int zeros_write(int fd, uint64_t from, uint64_t to, struct error *err)
{
	static const uint8_t zeros[65536];

	while (from < to) {
		size_t n = to - from < sizeof(zeros) ? (size_t)(to - from) : sizeof(zeros);
		ssize_t r = pwrite(fd, zeros, n, (off_t)from);

		if (r <= 0)
			return error_set(err, r < 0 ? errno : EIO, "write at %llu", (unsigned long long)from);
		from += (uint64_t)r;
	}
	return 0;
}

static int edges_clear(int fd, const struct table *t, struct error *err)
{
	static struct table_bytes b;
	uint64_t bytes = t->sectors * t->sector, end;

	if (table_render(t, &b, err) < 0)
		return -1;
	end = b.tail_size ? b.tail_at : bytes;
	if (zeros_write(fd, b.head_size, EDGE_SIZE, err) < 0 || zeros_write(fd, bytes - EDGE_SIZE, end, err) < 0)
		return -1;
	return fsync(fd) < 0 ? error_set(err, errno, "write") : 0;
}

/* One write, or more than one: see above. */
static int table_begin(int fd, struct table *t, enum table_kind kind, const struct table_mark *mark, struct error *err)
{
	uint8_t random[36];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_set(err, errno, "getrandom");
	if (kind == TABLE_GPT && (table_make(t, TABLE_DOS, mark, random, err) < 0 || table_write(fd, t, err) < 0))
		return -1;
	return table_make(t, kind, mark, random, err) < 0 ? -1 : table_write(fd, t, err);
}

static int table_put(const char *path, const struct wanted *w, struct error *err)
{
	_cleanup_close_ int fd = drive_open(path, true, err);
	static struct table t;
	_cleanup_error_ struct error before = { 0 };
	struct table_mark mark = { 0 };
	enum table_kind kind = w->table;

	if (fd < 0)
		return -1;
	/* a table that makes no sense goes as well as every other */
	if (table_read(fd, &t, &before) < 0 && (before.code != 0 || t.sectors == 0)) {
		error_move(err, &before);
		return error_wrap(err, "%s", path);
	}
	snprintf(mark.type, sizeof(mark.type), "%s", w->type);
	snprintf(mark.label, sizeof(mark.label), "%s", w->label);
	if (kind == TABLE_DOS && t.sectors > UINT32_MAX) {
		if (w->table_given)
			log_warn("%s: a DOS partition table reaches only so far: %llu GiB of %llu stay without use",
				 path, (unsigned long long)(((uint64_t)UINT32_MAX * t.sector) >> 30),
				 (unsigned long long)((t.sectors * t.sector) >> 30));
		else
			kind = TABLE_GPT;
	}
	if (table_begin(fd, &t, kind, &mark, err) < 0 || edges_clear(fd, &t, err) < 0 ||
	    partition_tell(fd, 1, t.parts[0].start * t.sector, t.parts[0].sectors * t.sector, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}

/* Where e2fsck -b looks (lib/disk/fsck.c): the first copy, by the size of a block. */
static int copies_clear(const char *partition, struct error *err)
{
	static const uint64_t copies[] = { 8193ull << 10, 16384ull << 11, 32768ull << 12 };
	_cleanup_close_ int fd = drive_open(partition, true, err);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (end < 0)
		return fd < 0 ? -1 : error_set(err, errno, "%s", partition);
	for (size_t i = 0; i < array_len(copies); i++)
		if (copies[i] + 1024 <= (uint64_t)end && zeros_write(fd, copies[i], copies[i] + 1024, err) < 0)
			return error_wrap(err, "%s", partition);
	return fsync(fd) < 0 ? error_set(err, errno, "%s", partition) : 0;
}

static int system_make(const char *partition, const struct wanted *w, bool verbose, struct error *err)
{
	_cleanup_free_ char *program = str_format("mkfs.%s", w->type), *words = NULL;
	_cleanup_strv_ char **argv = NULL;
	bool ext4 = str_eq(w->type, "ext4"), ok;
	_cleanup_close_ int fd = -1;

	ok = program && strv_add(&argv, program) == 0 && strv_add(&argv, "-q") == 0 &&
		strv_add(&argv, ext4 ? "-F" : "-f") == 0;
	if (ext4) /* tables of inodes are cleared when the disk is in use, as Debian has it: a large disk is ready at
		     once */
		ok = ok && strv_add(&argv, "-O") == 0 && strv_add(&argv, EXT4_FEATURES) == 0 &&
			strv_add(&argv, "-E") == 0 && strv_add(&argv, "lazy_itable_init=1") == 0;
	if (*w->label)
		ok = ok && strv_add(&argv, "-L") == 0 && strv_add(&argv, w->label) == 0;
	if (!ok || strv_add(&argv, partition) < 0)
		return error_set(err, ENOMEM, "%s", partition);
	words = strv_join(argv, " ");
	if (verbose)
		log_info("%s", words ? words : program);
	if (copies_clear(partition, err) < 0)
		return -1;
	if (tool_must(argv, err) < 0)
		return error_wrap(err, "%s", partition);
	fd = drive_open(partition, true, err);
	if (fd < 0)
		return -1;
	return fsync(fd) < 0 ? error_set(err, errno, "%s", partition) : 0;
}

static int mark_remove(const char *path, struct error *err)
{
	_cleanup_close_ int fd = drive_open(path, true, err);
	static struct table t;

	if (fd < 0)
		return -1;
	if (table_read(fd, &t, err) < 0)
		return error_wrap(err, "%s", path);
	table_unmark(&t);
	return table_write(fd, &t, err) < 0 ? error_wrap(err, "%s", path) : 0;
}

int disk_make(const char *path, const struct wanted *w, bool verbose, struct error *err)
{
	char partition[DRIVE_PATH];

	if (table_put(path, w, err) < 0 || disk_partition(path, partition, err) < 0 ||
	    device_wait(partition, NODE_US, err) < 0 || system_make(partition, w, verbose, err) < 0 ||
	    mark_remove(path, err) < 0)
		return -1;
	log_info("%s: %s in %s%s%s", path, w->type, partition, *w->label ? ", label " : "", w->label);
	return 0;
}
