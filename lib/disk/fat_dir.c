/* FAT32: directories. A file is a row of slots of 32 bytes: its long name, 13 UTF-16 units a slot and the last piece
 * first, then the slot with the short name, which has all else. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "fat_private.h"
#include "str.h"
#include "table_private.h"

enum {
	DIR_MAX = 2 << 20, /* the specification's 65536 slots */
	LONG_UNITS = 13,
	LONG_LAST = 0x40,
	LONG_SUM = 13,
	SLOTS_SECTOR = FAT_SECTOR / FAT_SLOT,
};

/* Where the units of a long name are in its slot. */
static const uint8_t long_at[LONG_UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };

static uint8_t name_sum(const uint8_t *shortname)
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + shortname[i]);
	return sum;
}

static bool slot_unused(const uint8_t *slot)
{
	return slot[0] == 0 || slot[0] == FAT_DELETED;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

int fat_dir_load(struct fat *f, uint32_t first, struct fat_dir *d, struct error *err)
{
	uint32_t size = fat_cluster_size(f), at = first;
	size_t count = 0;

	*d = (struct fat_dir){ .fat = f };
	for (uint32_t c = first; c; c = fat_next(f, c))
		if (++count * size > DIR_MAX)
			return error_say(err, EINVAL, "a directory of the FAT file system is damaged");
	d->count = count;
	d->size = count * size;
	d->clusters = calloc(count, sizeof(*d->clusters));
	d->was = malloc(d->size);
	d->is = malloc(d->size);
	if (!d->clusters || !d->was || !d->is) {
		fat_dir_close(d);
		return error_set(err, ENOMEM, "FAT");
	}
	for (size_t i = 0; i < count; i++) {
		d->clusters[i] = at;
		if (fat_chain_read(f, &at, d->was + i * size, err) < 0) {
			fat_dir_close(d);
			return -1;
		}
	}
	memcpy(d->is, d->was, d->size);
	return 0;
}

void fat_dir_close(struct fat_dir *d)
{
	free(d->clusters);
	free(d->was);
	free(d->is);
	*d = (struct fat_dir){ 0 };
}

static void short_name(const uint8_t *slot, char *out)
{
	for (int i = 0; i < 8 && slot[i] != ' '; i++)
		*out++ = (char)slot[i];
	if (slot[8] != ' ')
		*out++ = '.';
	for (int i = 8; i < 11 && slot[i] != ' '; i++)
		*out++ = (char)slot[i];
	*out = '\0';
}

/* The long name in `count` slots before that of the short one; false: they are no name, or none that is kept. */
static bool long_name(const uint8_t *slots, size_t count, const uint8_t *shortslot, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *s = slots + (count - 1 - i) * FAT_SLOT;

		if ((s[0] & ~LONG_LAST) != i + 1 || s[LONG_SUM] != name_sum(shortslot))
			return false;
		for (size_t k = 0; k < LONG_UNITS; k++) {
			unsigned unit = s[long_at[k]] | (unsigned)s[long_at[k] + 1] << 8;

			if (unit == 0)
				break;
			if (n + 1 >= FAT_NAME || unit < ' ' || unit > '~')
				return false;
			out[n++] = (char)unit;
		}
	}
	out[n] = '\0';
	return n > 0;
}

bool fat_dir_next(const struct fat_dir *d, size_t *at, struct fat_entry *out)
{
	size_t slots = d->size / FAT_SLOT, begin = *at;

	for (size_t i = *at; i < slots; i++) {
		const uint8_t *s = d->is + i * FAT_SLOT;

		if (s[0] == 0)
			return false;
		if (s[0] != FAT_DELETED && (s[FAT_ATTR] & 0x3f) == FAT_ATTR_LONG) {
			if (s[0] & LONG_LAST)
				begin = i;
			continue;
		}
		if (s[0] == FAT_DELETED || s[FAT_ATTR] & FAT_ATTR_VOLUME || s[0] == '.') {
			begin = i + 1;
			continue;
		}
		*out = (struct fat_entry){ .first = ((uint32_t)s[20] | (uint32_t)s[21] << 8) << 16 | s[26] |
						   (uint32_t)s[27] << 8,
					   .size = get32(s + 28),
					   .directory = s[FAT_ATTR] & FAT_ATTR_DIRECTORY,
					   .slot = begin,
					   .slots = i + 1 - begin };
		if (begin == i)
			short_name(s, out->name);
		else if (!long_name(d->is + begin * FAT_SLOT, i - begin, s, out->name))
			out->name[0] = '\0';
		*at = i + 1;
		return true;
	}
	return false;
}

static int subdirectory_find(struct fat_dir *d, const char *name, uint32_t *first, struct error *err)
{
	struct fat_entry e;

	for (size_t at = 0; fat_dir_next(d, &at, &e);) {
		if (strcasecmp(e.name, name) != 0)
			continue;
		*first = e.first;
		return e.directory ? 0 : error_say(err, ENOTDIR, "%s is no directory", name);
	}
	return error_say(err, ENOENT, "there is no directory %s", name);
}

int fat_dir_open(struct fat *f, const char *path, struct fat_dir *d, struct error *err)
{
	_cleanup_strv_ char **names = strv_split(path, "/");

	if (!names)
		return error_set(err, ENOMEM, "FAT");
	if (fat_dir_load(f, f->root, d, err) < 0)
		return -1;
	for (char **n = names; *n; n++) {
		uint32_t first = 0;
		int r = subdirectory_find(d, *n, &first, err);

		fat_dir_close(d);
		if (r < 0)
			return -1;
		if (first < 2 || first >= f->end)
			return error_say(err, EINVAL, "the directory %s is damaged", *n);
		if (fat_dir_load(f, first, d, err) < 0)
			return -1;
	}
	return 0;
}

/* --- changing ----------------------------------------------------------------------------------------------------- */

void fat_dir_remove(struct fat_dir *d, const struct fat_entry *e)
{
	for (size_t i = 0; i < e->slots; i++)
		d->is[(e->slot + i) * FAT_SLOT] = FAT_DELETED;
}

static bool sector_changed(const struct fat_dir *d, size_t sector)
{
	return memcmp(d->is + sector * FAT_SECTOR, d->was + sector * FAT_SECTOR, FAT_SECTOR) != 0;
}

/* The first of n unused slots of one sector; SIZE_MAX: it has none. */
static size_t sector_room(const struct fat_dir *d, size_t sector, size_t n)
{
	size_t run = 0;

	for (size_t i = sector * SLOTS_SECTOR; i < (sector + 1) * SLOTS_SECTOR; i++) {
		run = slot_unused(d->is + i * FAT_SLOT) ? run + 1 : 0;
		if (run == n)
			return i + 1 - n;
	}
	return SIZE_MAX;
}

/* A sector that is written in any case is best: then all is one write. */
static size_t room_find(const struct fat_dir *d, size_t n)
{
	size_t sectors = d->size / FAT_SECTOR, found = SIZE_MAX;

	for (size_t i = 0; i < sectors && found == SIZE_MAX; i++)
		if (sector_changed(d, i))
			found = sector_room(d, i, n);
	for (size_t i = 0; i < sectors && found == SIZE_MAX; i++)
		found = sector_room(d, i, n);
	return found;
}

static bool short_taken(const struct fat_dir *d, const uint8_t name[11])
{
	for (size_t i = 0; i < d->size / FAT_SLOT; i++)
		if (memcmp(d->is + i * FAT_SLOT, name, 11) == 0 &&
		    (d->is[i * FAT_SLOT + FAT_ATTR] & 0x3f) != FAT_ATTR_LONG)
			return true;
	return false;
}

/* Nobody asks for it by its short name, which only has to be one. */
static void short_make(const struct fat_dir *d, const char *name, uint8_t out[11])
{
	const char *dot = strrchr(name, '.');
	char text[32];
	unsigned n = 1;

	do {
		snprintf(text, sizeof(text), "PITH~%-3u", n++);
		memset(out, ' ', 11);
		memcpy(out, text, 8);
		for (int i = 0; dot && i < 3 && dot[1 + i]; i++)
			out[8 + i] = (uint8_t)toupper((unsigned char)dot[1 + i]);
	} while (short_taken(d, out) && n < 999);
}

static void bytes_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void short_fill(uint8_t *s, uint32_t first, uint32_t size, int64_t time)
{
	struct tm tm = { 0 };
	time_t t = (time_t)time;

	s[FAT_ATTR] = 0x20; /* archive */
	if (gmtime_r(&t, &tm) && tm.tm_year >= 80 && tm.tm_year < 208) {
		bytes_put16(s + 22, (unsigned)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2));
		bytes_put16(s + 24, (unsigned)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday));
	} else {
		bytes_put16(s + 24, 1 << 5 | 1);
	}
	memcpy(s + 16, s + 24, 2);
	memcpy(s + 18, s + 24, 2);
	memcpy(s + 14, s + 22, 2);
	bytes_put16(s + 20, first >> 16);
	bytes_put16(s + 26, first);
	put32(s + 28, size);
}

static void long_fill(uint8_t *s, const char *name, size_t piece, size_t pieces, uint8_t sum)
{
	size_t length = strlen(name);

	memset(s, 0xff, FAT_SLOT);
	s[0] = (uint8_t)((piece + 1) | (piece + 1 == pieces ? LONG_LAST : 0));
	s[FAT_ATTR] = FAT_ATTR_LONG;
	s[12] = 0;
	s[LONG_SUM] = sum;
	s[26] = s[27] = 0;
	for (size_t k = 0; k < LONG_UNITS && piece * LONG_UNITS + k <= length; k++)
		bytes_put16(s + long_at[k], (unsigned char)name[piece * LONG_UNITS + k]);
}

int fat_dir_add(struct fat_dir *d, const char *name, uint32_t first, uint32_t size, int64_t time, struct error *err)
{
	size_t pieces = (strlen(name) + LONG_UNITS - 1) / LONG_UNITS, slot;
	uint8_t shortname[11], *s;

	if (strlen(name) >= FAT_NAME)
		return error_set(err, ENAMETOOLONG, "%s", name);
	slot = room_find(d, pieces + 1);
	if (slot == SIZE_MAX)
		return error_say(err, ENOSPC, "the directory has no room for another file");
	/* A slot of zeros ends the directory: those in front of the new ones become deleted ones. */
	for (size_t i = 0; i < slot; i++)
		if (d->is[i * FAT_SLOT] == 0)
			d->is[i * FAT_SLOT] = FAT_DELETED;
	short_make(d, name, shortname);
	for (size_t i = 0; i < pieces; i++)
		long_fill(d->is + (slot + i) * FAT_SLOT, name, pieces - 1 - i, pieces, name_sum(shortname));
	s = d->is + (slot + pieces) * FAT_SLOT;
	memset(s, 0, FAT_SLOT);
	memcpy(s, shortname, sizeof(shortname));
	short_fill(s, first, size, time);
	return 0;
}

/* Whether the sector gets a name that it had not. */
static bool sector_adds(const struct fat_dir *d, size_t sector)
{
	for (size_t i = sector * SLOTS_SECTOR; i < (sector + 1) * SLOTS_SECTOR; i++)
		if (!slot_unused(d->is + i * FAT_SLOT) &&
		    memcmp(d->is + i * FAT_SLOT, d->was + i * FAT_SLOT, FAT_SLOT) != 0)
			return true;
	return false;
}

static int sector_write(struct fat_dir *d, size_t sector, struct error *err)
{
	size_t at = sector * FAT_SECTOR, size = fat_cluster_size(d->fat);

	if (fat_write(d->fat, fat_cluster_at(d->fat, d->clusters[at / size]) + at % size, d->is + at, FAT_SECTOR, err) <
		    0 ||
	    fat_sync(d->fat, err) < 0)
		return -1;
	memcpy(d->was + at, d->is + at, FAT_SECTOR);
	return 0;
}

/* From the last sector to the first: the slot that makes a file of a row of them is its last one, and goes first. */
int fat_dir_write(struct fat_dir *d, struct error *err)
{
	for (int adds = 1; adds >= 0; adds--)
		for (size_t i = d->size / FAT_SECTOR; i-- > 0;)
			if (sector_changed(d, i) && (!adds || sector_adds(d, i)) && sector_write(d, i, err) < 0)
				return -1;
	return 0;
}
