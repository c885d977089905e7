#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "io.h"
#include "str.h"
#include "table.h"
#include "update.h"

static int not_two(struct error *err)
{
	return error_say(err, ENODEV,
			 "this machine has one system alone: `pith build --format raw-efi --ab` makes disks with two");
}

/* --- the machine's own disk --------------------------------------------------------------------------------------- */

/* What the device of a number is called in sysfs. */
static int device_of(dev_t number, char out[DRIVE_NAME])
{
	char link[64], target[512];
	const char *slash;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(number), minor(number));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, DRIVE_NAME, "%.*s", DRIVE_NAME - 1, slash ? slash + 1 : target);
	return 0;
}

/* A mapping, such as dm-verity's, stands on the partition. */
static void below_mapping(char name[DRIVE_NAME])
{
	_cleanup_free_ char *path = str_format("/sys/class/block/%s/slaves", name);
	_cleanup_strv_ char **below = path ? dir_names(AT_FDCWD, path, false, NULL) : NULL;

	if (below && below[0] && !below[1])
		snprintf(name, DRIVE_NAME, "%.*s", DRIVE_NAME - 1, below[0]);
}

static void extent_name(struct extent *e, const char *drive, const struct table *t, const struct table_part *p)
{
	char name[DRIVE_NAME];

	partition_name(name, drive, p->number);
	*e = (struct extent){ .fd = -1, .size = p->sectors * t->sector };
	snprintf(e->device, sizeof(e->device), "/dev/%s", name);
}

/* The place for a partition of a disk with two systems; NULL: it is none of them. */
static struct extent *extent_of(struct slots *s, const struct table *t, const struct table_part *p)
{
	char name[TABLE_PART_NAME];

	table_part_name(t, p, name);
	if (str_eq(name, "pith-a") || str_eq(name, "pith-b"))
		return &s->slot[name[5] - 'a'];
	return table_part_is_esp(t, p) ? &s->esp : NULL;
}

static bool slots_complete(const struct slots *s)
{
	return s->esp.size && s->slot[0].size && s->slot[1].size;
}

int slots_of_machine(struct slots *s, struct error *err)
{
	static struct table t; /* too large for a stack */
	char root[DRIVE_NAME], drive[DRIVE_NAME], path[DRIVE_PATH];
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (stat("/", &st) < 0 || device_of(st.st_dev, root) < 0)
		return not_two(err);
	below_mapping(root);
	if (partition_drive("/sys", root, drive) < 0)
		return not_two(err);
	snprintf(path, sizeof(path), "/dev/%s", drive);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "%s", path);
	if (table_read(fd, &t, err) < 0)
		return error_wrap(err, "%s", path);
	for (size_t i = 0; i < t.count; i++) {
		struct extent *e = extent_of(s, &t, &t.parts[i]);

		if (!e)
			continue;
		extent_name(e, drive, &t, &t.parts[i]);
		if (str_eq(e->device + strlen("/dev/"), root) && e != &s->esp)
			s->running = (int)(e - s->slot);
	}
	return slots_complete(s) && s->running >= 0 ? 0 : not_two(err);
}

/* --- a file ---------------------------------------------------------------------------------------------------------
 */

int slots_of_file(struct slots *s, const char *path, struct error *err)
{
	static struct table t;
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "%s", path);
	if (table_read(fd, &t, err) < 0)
		return error_wrap(err, "%s", path);
	for (size_t i = 0; i < t.count; i++) {
		struct extent *e = extent_of(s, &t, &t.parts[i]);

		if (!e || e->fd >= 0)
			continue;
		*e = (struct extent){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3),
				      .offset = t.parts[i].start * t.sector,
				      .size = t.parts[i].sectors * t.sector };
		snprintf(e->device, sizeof(e->device), "partition %u", t.parts[i].number);
		if (e->fd < 0)
			return error_set(err, errno, "%s", path);
	}
	return slots_complete(s)
		? 0
		: error_say(err, ENODEV, "%s is no disk with two systems (pith build --format raw-efi --ab)", path);
}

/* --- both -----------------------------------------------------------------------------------------------------------
 */

int extent_open(struct extent *e, struct error *err)
{
	if (e->fd < 0)
		e->fd = drive_open(e->device, true, err);
	return e->fd < 0 ? -1 : 0;
}

int extent_open_read(struct extent *e, struct error *err)
{
	if (e->fd < 0)
		e->fd = open(e->device, O_RDONLY | O_CLOEXEC);
	return e->fd < 0 ? error_set(err, errno, "%s", e->device) : 0;
}

static void extent_close(struct extent *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

void slots_close(struct slots *s)
{
	extent_close(&s->esp);
	for (int i = 0; i < SLOTS; i++)
		extent_close(&s->slot[i]);
}

int slot_uuid(const struct extent *slot, uint8_t uuid[16], struct error *err)
{
	static const uint8_t magic[4] = { EROFS_MAGIC & 255, EROFS_MAGIC >> 8 & 255, EROFS_MAGIC >> 16 & 255,
					  EROFS_MAGIC >> 24 };
	uint8_t block[UPDATE_BLOCK];

	if (io_pread(slot->fd, block, sizeof(block), (off_t)slot->offset) != (ssize_t)sizeof(block))
		return error_set(err, errno, "read %s", slot->device);
	memset(uuid, 0, 16);
	if (memcmp(block + EROFS_MAGIC_AT, magic, sizeof(magic)) == 0)
		memcpy(uuid, block + EROFS_UUID_AT, 16);
	return 0;
}
