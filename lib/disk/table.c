#include "table.h"

#include <errno.h>
#include <string.h>

#include "table_private.h"

const uint8_t table_gpt_linux[16] = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
				      0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 };

uint32_t table_crc32(const uint8_t *data, size_t n)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* --- the mark ------------------------------------------------------------------------------------------------------
 */

/* Code that has a BIOS go on to the next disk (int 18h), then the mark's own name. */
static const uint8_t mark_begin[32] = "\xcd\x18\xeb\xfe            PITH-UNFINISHED";

enum { MARK_TYPE = 32, MARK_LABEL = MARK_TYPE + TABLE_TYPE, MARK_END = MARK_LABEL + TABLE_LABEL };
_Static_assert((int)MARK_END <= (int)MBR_CODE, "the mark is where the boot code was");

static void mark_parse(const uint8_t *first, struct table_mark *mark)
{
	if (memcmp(first, mark_begin, sizeof(mark_begin)) != 0)
		return;
	memcpy(mark->type, first + MARK_TYPE, TABLE_TYPE);
	memcpy(mark->label, first + MARK_LABEL, TABLE_LABEL);
	mark->type[TABLE_TYPE - 1] = mark->label[TABLE_LABEL - 1] = '\0';
}

static void mark_render(uint8_t *first, const struct table_mark *mark)
{
	memcpy(first, mark_begin, sizeof(mark_begin));
	memcpy(first + MARK_TYPE, mark->type, TABLE_TYPE);
	memcpy(first + MARK_LABEL, mark->label, TABLE_LABEL);
}

void table_unmark(struct table *t)
{
	memset(&t->mark, 0, sizeof(t->mark));
	memset(t->first, 0, MBR_CODE);
}

/* --- what is there -------------------------------------------------------------------------------------------------
 */

static void part_add(struct table *t, unsigned number, uint64_t start, uint64_t sectors, bool is_linux)
{
	t->parts[t->count++] = (struct table_part){ number, start, sectors, is_linux };
}

static int dos_parse(struct table *t, struct error *err)
{
	t->kind = TABLE_DOS;
	t->last = (t->sectors < UINT32_MAX ? t->sectors : UINT32_MAX) - 1;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *e = t->first + MBR_ENTRIES + i * MBR_ENTRY;
		uint64_t start = get32(e + 8), sectors = get32(e + 12);

		if (e[4] == 0 || sectors == 0)
			continue;
		if (start == 0 || start >= t->sectors || sectors > t->sectors - start)
			return error_set(err, 0, "partition %u is not on the disk: sectors %llu to %llu of %llu", i + 1,
					 (unsigned long long)start, (unsigned long long)(start + sectors - 1),
					 (unsigned long long)t->sectors);
		part_add(t, i + 1, start, sectors, e[4] == MBR_LINUX);
	}
	return 0;
}

static uint64_t entry_sectors(const struct table *t)
{
	return ((uint64_t)t->entry_count * t->entry_size + t->sector - 1) / t->sector;
}

/* Whether the sector has a header that is meant for this place. */
static bool header_valid(const uint8_t *header, uint32_t sector, uint64_t self)
{
	uint8_t copy[512];
	uint32_t size = get32(header + 12);

	if (memcmp(header, "EFI PART", 8) != 0 || size < GPT_HEADER || size > sizeof(copy) || size > sector)
		return false;
	memcpy(copy, header, size);
	put32(copy + 16, 0);
	return table_crc32(copy, size) == get32(header + 16) && get64(header + 24) == self;
}

/* Takes header and entries from one edge of the disk, whose first byte is that of sector `base`. */
static bool gpt_take(struct table *t, const uint8_t *edge, size_t n, uint64_t base, uint64_t self)
{
	const uint8_t *header = edge + (self - base) * t->sector;
	uint64_t at, bytes;

	if (!header_valid(header, t->sector, self))
		return false;
	at = get64(header + 72);
	t->entry_count = get32(header + 80);
	t->entry_size = get32(header + 84);
	bytes = (uint64_t)t->entry_count * t->entry_size;
	if (t->entry_size < 128 || t->entry_size % 128 || bytes == 0 || bytes > TABLE_ENTRIES || at < base ||
	    at - base > n / t->sector || (at - base) * t->sector + bytes > n)
		return false;
	if (table_crc32(edge + (at - base) * t->sector, bytes) != get32(header + 88))
		return false;
	memcpy(t->entries, edge + (at - base) * t->sector, bytes);
	memcpy(t->guid, header + 56, 16);
	t->first_usable = get64(header + 40);
	t->last = get64(header + 48);
	t->entries_at = self == 1 ? at : 2;
	t->moved = get64(header + 32) != (self == 1 ? t->sectors - 1 : 1);
	return true;
}

static int gpt_parse(struct table *t, const uint8_t *head, const uint8_t *tail, size_t n, struct error *err)
{
	t->kind = TABLE_GPT;
	if (!gpt_take(t, head, n, 0, 1)) {
		if (!gpt_take(t, tail, n, t->sectors - n / t->sector, t->sectors - 1))
			return error_set(err, 0, "its GPT is damaged, and so is the backup at its end");
		t->torn = true;
	}
	if (t->first_usable < t->entries_at + entry_sectors(t) || t->last + entry_sectors(t) + 1 >= t->sectors ||
	    t->first_usable > t->last)
		return error_set(err, 0, "its GPT is not for a disk of %llu sectors", (unsigned long long)t->sectors);
	for (unsigned i = 0; i < t->entry_count; i++) {
		static const uint8_t unused[16];
		const uint8_t *e = t->entries + (size_t)i * t->entry_size;
		uint64_t start = get64(e + 32), end = get64(e + 40);

		if (memcmp(e, unused, 16) == 0)
			continue;
		if (start < t->first_usable || end > t->last || start > end)
			return error_set(err, 0, "partition %u is not on the disk: sectors %llu to %llu of %llu", i + 1,
					 (unsigned long long)start, (unsigned long long)end,
					 (unsigned long long)t->sectors);
		part_add(t, i + 1, start, end - start + 1, memcmp(e, table_gpt_linux, 16) == 0);
	}
	return 0;
}

int table_parse(const uint8_t *head, const uint8_t *tail, size_t n, uint32_t sector, uint64_t sectors,
		struct table *out, struct error *err)
{
	bool gpt = false;

	memset(out, 0, sizeof(*out));
	out->sector = sector;
	out->sectors = sectors;
	if (sector < 512 || sector > sizeof(out->first) || sector & (sector - 1) || n < 2 * (size_t)sector ||
	    n % sector || sectors < n / sector)
		return error_set(err, EINVAL, "sectors of %u bytes, %llu of them", sector, (unsigned long long)sectors);
	memcpy(out->first, head, sector);
	if (head[510] != 0x55 || head[511] != 0xaa)
		return 0;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *e = head + MBR_ENTRIES + i * MBR_ENTRY;

		if (e[0] & 0x7f) /* no table, but the first sector of a file system */
			return 0;
		gpt |= e[4] == MBR_GPT;
	}
	mark_parse(head, &out->mark);
	return gpt ? gpt_parse(out, head, tail, n, err) : dos_parse(out, err);
}

/* --- what shall be there -------------------------------------------------------------------------------------------
 */

/* Start and length in the DOS table's entry; its CHS fields say that they are not used. */
static void dos_entry(uint8_t *e, uint8_t type, uint64_t start, uint64_t sectors)
{
	static const uint8_t chs[3] = { 0xfe, 0xff, 0xff };

	memcpy(e + 1, chs, 3);
	e[4] = type;
	memcpy(e + 5, chs, 3);
	put32(e + 8, (uint32_t)start);
	put32(e + 12, (uint32_t)sectors);
}

static void gpt_protect(struct table *t)
{
	dos_entry(t->first + MBR_ENTRIES, MBR_GPT, 1, t->sectors - 1 < UINT32_MAX ? t->sectors - 1 : UINT32_MAX);
	memcpy(t->first + MBR_ENTRIES + 1, "\0\x02\0", 3); /* the specification wants it so */
}

/* Version 4, and whose variant it is (RFC 9562; the first fields are little-endian). */
static void uuid_stamp(uint8_t *guid)
{
	guid[7] = (uint8_t)((guid[7] & 0x0f) | 0x40);
	guid[8] = (uint8_t)((guid[8] & 0x3f) | 0x80);
}

static void gpt_make(struct table *t, uint64_t start, const uint8_t random[36])
{
	uint8_t *e = t->entries;

	t->entries_at = 2;
	t->entry_size = 128;
	t->entry_count = 128;
	t->first_usable = 2 + entry_sectors(t);
	t->last = t->sectors - 2 - entry_sectors(t);
	memcpy(t->guid, random, 16);
	memcpy(e, table_gpt_linux, 16);
	memcpy(e + 16, random + 16, 16);
	uuid_stamp(t->guid);
	uuid_stamp(e + 16);
	put64(e + 32, start);
	put64(e + 40, t->last);
	gpt_protect(t);
}

int table_make(struct table *t, enum table_kind kind, const struct table_mark *mark, const uint8_t random[36],
	       struct error *err)
{
	uint64_t start = (1 << 20) / t->sector;

	if (t->sectors < 4 * start)
		return error_set(err, ENOSPC, "a disk of less than 4 MiB");
	*t = (struct table){ .kind = kind, .sector = t->sector, .sectors = t->sectors, .mark = *mark };
	t->first[510] = 0x55;
	t->first[511] = 0xaa;
	mark_render(t->first, mark);
	if (kind == TABLE_GPT) {
		gpt_make(t, start, random);
	} else {
		t->last = (t->sectors < UINT32_MAX ? t->sectors : UINT32_MAX) - 1;
		memcpy(t->first + MBR_CODE, random + 32, 4);
		dos_entry(t->first + MBR_ENTRIES, MBR_LINUX, start, t->last - start + 1);
	}
	part_add(t, 1, start, t->last - start + 1, true);
	return 0;
}

int table_grow(struct table *t, struct error *err)
{
	struct table_part *p = &t->parts[0];
	uint64_t last = t->sectors - 1;

	if (t->count != 1)
		return error_set(err, EINVAL, "%zu partitions, not one", t->count);
	if (t->kind == TABLE_GPT)
		last -= entry_sectors(t) + 1;
	else if (last > (uint64_t)UINT32_MAX - 1)
		last = (uint64_t)UINT32_MAX - 1;
	if (last < p->start + p->sectors - 1 + (1 << 20) / t->sector)
		return 0;
	t->last = last;
	p->sectors = last - p->start + 1;
	if (t->kind == TABLE_GPT) {
		put64(t->entries + (size_t)(p->number - 1) * t->entry_size + 40, last);
		gpt_protect(t);
	} else {
		put32(t->first + MBR_ENTRIES + (p->number - 1) * MBR_ENTRY + 12, (uint32_t)p->sectors);
	}
	return 1;
}

static void header_render(const struct table *t, uint8_t *to, uint64_t self, uint64_t other, uint64_t entries)
{
	memset(to, 0, t->sector);
	memcpy(to, "EFI PART", 8);
	put32(to + 8, GPT_REVISION);
	put32(to + 12, GPT_HEADER);
	put64(to + 24, self);
	put64(to + 32, other);
	put64(to + 40, t->first_usable);
	put64(to + 48, t->last);
	memcpy(to + 56, t->guid, 16);
	put64(to + 72, entries);
	put32(to + 80, t->entry_count);
	put32(to + 84, t->entry_size);
	put32(to + 88, table_crc32(t->entries, (size_t)t->entry_count * t->entry_size));
	put32(to + 16, table_crc32(to, GPT_HEADER));
}

int table_render(const struct table *t, struct table_bytes *out, struct error *err)
{
	uint64_t end = t->sectors - 1, entries = entry_sectors(t);

	memset(out, 0, sizeof(*out));
	memcpy(out->head, t->first, t->sector);
	out->head_size = t->sector;
	if (t->kind != TABLE_GPT)
		return 0;
	/* with sectors of more than 8 KiB, or entries that are far away, there would be no room */
	if (t->entries_at < 2 || (t->entries_at + entries) * t->sector > TABLE_EDGE)
		return error_set(err, ENOTSUP, "a GPT whose entries are not behind its header");
	out->head_size = (t->entries_at + entries) * t->sector;
	header_render(t, out->head + t->sector, 1, end, t->entries_at);
	memcpy(out->head + t->entries_at * t->sector, t->entries, (size_t)t->entry_count * t->entry_size);
	out->tail_size = (entries + 1) * t->sector;
	out->tail_at = (end - entries) * t->sector;
	memcpy(out->tail, t->entries, (size_t)t->entry_count * t->entry_size);
	header_render(t, out->tail + entries * t->sector, end, 1, end - entries);
	return 0;
}
