/* FAT: a boot sector with the sizes, the table of clusters (twice, the first one is read), the root directory (a run of
 * sectors, or with FAT32 a chain of clusters), the clusters. A directory is entries of 32 bytes; those with the parts
 * of a long name stand before the entry with the short one, the last part first. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "volume_private.h"

enum {
	BOOT_SIZE = 512,
	ENTRY_SIZE = 32,
	ENTRIES_MAX = 65536, /* of a root directory */
	LONG_PARTS_MAX = 20,
	LONG_PART = 13, /* characters */
	NAME_SIZE = LONG_PARTS_MAX * LONG_PART + 1,
	ATTRIBUTE_LABEL = 0x08,
	ATTRIBUTE_DIRECTORY = 0x10,
	ATTRIBUTE_LONG = 0x0f,
	CLUSTERS_12 = 4085, /* fewer: an entry of the table has 12 bits */
	FIRST_CLUSTER = 2,
};

static bool is_power(uint32_t n)
{
	return n > 0 && (n & (n - 1)) == 0;
}

/* --- the boot sector ------------------------------------------------------------------------------------------------
 */

/* Sizes and places; false where they do not fit each other. */
static bool layout_take(const uint8_t *b, uint64_t medium, struct volume *v)
{
	uint32_t per_cluster = b[13], reserved = le16(b + 14), tables = b[16], total = le16(b + 19),
		 table = le16(b + 22);
	uint64_t before;

	v->fat.sector = le16(b + 11);
	v->fat.root_entries = le16(b + 17);
	total = total ? total : le32(b + 32);
	table = table ? table : le32(b + 36);
	if (!is_power(v->fat.sector) || v->fat.sector < 512 || v->fat.sector > 4096 || !is_power(per_cluster) ||
	    reserved == 0 || tables == 0 || tables > 4 || table == 0 || (b[21] != 0xf0 && b[21] < 0xf8))
		return false;
	v->fat.cluster = per_cluster * v->fat.sector;
	v->fat.table = (uint64_t)reserved * v->fat.sector;
	v->fat.root = v->fat.table + (uint64_t)tables * table * v->fat.sector;
	before = (v->fat.root_entries * (uint64_t)ENTRY_SIZE + v->fat.sector - 1) / v->fat.sector * v->fat.sector;
	v->fat.data = v->fat.root + before;
	if (v->fat.data >= (uint64_t)total * v->fat.sector || v->fat.data > medium)
		return false;
	v->fat.clusters = (uint32_t)(((uint64_t)total * v->fat.sector - v->fat.data) / v->fat.cluster);
	v->fat.bits = le16(b + 22) == 0 ? 32 : v->fat.clusters < CLUSTERS_12 ? 12 : 16; /* as Linux tells them apart */
	v->fat.root_cluster = v->fat.bits == 32 ? le32(b + 44) : 0;
	/* the table has an entry for each cluster */
	return (v->fat.clusters + (uint64_t)FIRST_CLUSTER) * v->fat.bits <= (uint64_t)table * v->fat.sector * 8 &&
		(v->fat.bits == 32) == (v->fat.root_entries == 0);
}

/* --- chains of clusters ---------------------------------------------------------------------------------------------
 */

/* The cluster behind this one; 0: there is none, or it is nowhere. */
static int cluster_next(const struct medium *m, const struct volume *v, uint32_t *cluster, struct error *err)
{
	uint64_t at =
		v->fat.table + (v->fat.bits == 12 ? *cluster + *cluster / 2 : (uint64_t)*cluster * v->fat.bits / 8);
	size_t n = v->fat.bits == 32 ? 4 : 2;
	uint8_t entry[4] = { 0 };
	uint32_t next;

	if (at + n > m->size)
		return error_set(err, 0, "it leads beyond the disk's end");
	if (m->read(m, at, entry, n, err) < 0)
		return -1;
	next = le32(entry);
	if (v->fat.bits == 12)
		next = *cluster % 2 ? next >> 4 & 0xfff : next & 0xfff;
	else if (v->fat.bits == 32)
		next &= 0x0fffffff;
	*cluster = next >= FIRST_CLUSTER && next - FIRST_CLUSTER < v->fat.clusters ? next : 0;
	return 0;
}

/* Up to n bytes of the chain from `cluster` on; how many there are is to be seen from the buffer. A chain that is a
 * circle ends at n as well. */
static int chain_read(const struct medium *m, const struct volume *v, uint32_t cluster, size_t n, struct buf *out,
		      struct error *err)
{
	if (cluster < FIRST_CLUSTER || cluster - FIRST_CLUSTER >= v->fat.clusters)
		return 0;
	while (n > 0 && cluster) {
		size_t part = n < v->fat.cluster ? n : v->fat.cluster;
		uint64_t at = v->fat.data + (uint64_t)(cluster - FIRST_CLUSTER) * v->fat.cluster;

		if (medium_append(m, at, part, out, err) < 0)
			return -1;
		n -= part;
		if (n > 0 && cluster_next(m, v, &cluster, err) < 0)
			return -1;
	}
	return 0;
}

static int root_load(const struct medium *m, const struct volume *v, struct buf *out, struct error *err)
{
	size_t n = ENTRIES_MAX * ENTRY_SIZE;

	if (v->fat.bits == 32)
		return chain_read(m, v, v->fat.root_cluster, n, out, err);
	return medium_append(m, v->fat.root, v->fat.root_entries * (size_t)ENTRY_SIZE, out, err);
}

/* --- names ----------------------------------------------------------------------------------------------------------
 */

/* A long name as it is put together: parts count down to 1. */
struct long_name {
	char text[NAME_SIZE];
	unsigned next;    /* the part that has to follow; 0: all are there */
	uint8_t checksum; /* of the short name that they belong to */
	bool valid;
};

static void part_add(struct long_name *l, const uint8_t *e)
{
	static const uint8_t places[LONG_PART] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	unsigned number = e[0] & 0x3f;

	if (e[0] & 0x40) {
		*l = (struct long_name){ .next = number, .checksum = e[13], .valid = number <= LONG_PARTS_MAX };
	}
	if (!l->valid || number == 0 || number != l->next || e[13] != l->checksum) {
		l->valid = false;
		return;
	}
	l->next--;
	for (size_t i = 0; i < LONG_PART; i++) {
		uint16_t c = le16(e + places[i]);

		/* behind the end come 0 and then 0xffff; what is not ASCII is like no name that is asked for */
		l->text[(number - 1) * LONG_PART + i] = c == 0 ? '\0' : c < 0x80 ? (char)c : '\1';
	}
}

static uint8_t checksum_make(const uint8_t *short_name)
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + short_name[i]);
	return sum;
}

static void short_name(const uint8_t *e, char out[13])
{
	size_t len = 0, i;

	for (i = 0; i < 8 && e[i] != ' '; i++)
		out[len++] = (char)e[i];
	if (e[8] != ' ')
		out[len++] = '.';
	for (i = 8; i < 11 && e[i] != ' '; i++)
		out[len++] = (char)e[i];
	out[len] = '\0';
}

/* --- the root directory ---------------------------------------------------------------------------------------------
 */

/* The entry of a file, or with name NULL of the label; NULL: there is none. */
static const uint8_t *entry_find(const struct buf *root, const char *name)
{
	struct long_name l = { 0 };

	for (size_t at = 0; at + ENTRY_SIZE <= root->len; at += ENTRY_SIZE) {
		const uint8_t *e = buf_bytes(root) + at;
		char own[13];

		if (e[0] == 0)
			return NULL;
		if (e[0] != 0xe5 && (e[11] & 0x3f) == ATTRIBUTE_LONG) {
			part_add(&l, e);
			continue;
		}
		if (e[0] == 0xe5) { /* deleted */
			l.valid = false;
			continue;
		}
		if (e[11] & ATTRIBUTE_LABEL) {
			if (!name)
				return e;
		} else if (name && !(e[11] & ATTRIBUTE_DIRECTORY)) {
			short_name(e, own);
			if (strcasecmp(own, name) == 0 ||
			    (l.valid && l.next == 0 && l.checksum == checksum_make(e) && strcasecmp(l.text, name) == 0))
				return e;
		}
		l.valid = false;
	}
	return NULL;
}

int fat_probe(const struct medium *m, struct volume *v, struct error *err)
{
	_cleanup_buf_ struct buf root = { 0 };
	uint8_t b[BOOT_SIZE];
	const uint8_t *extended = b + 36, *label;

	if (m->size < BOOT_SIZE)
		return 0;
	if (m->read(m, 0, b, BOOT_SIZE, err) < 0)
		return -1;
	if (b[510] != 0x55 || b[511] != 0xaa || !layout_take(b, m->size, v))
		return 0;
	v->kind = VOLUME_FAT;
	if (v->fat.bits == 32)
		extended = b + 64;
	if (extended[2] == 0x29)
		label_copy(v->label, extended + 7, 11);
	/* the one in the root directory is what systems change */
	label = root_load(m, v, &root, NULL) == 0 ? entry_find(&root, NULL) : NULL;
	if (label)
		label_copy(v->label, label, 11);
	return 1;
}

int fat_read(const struct medium *m, const struct volume *v, const char *name, size_t max, struct buf *out,
	     struct error *err)
{
	_cleanup_buf_ struct buf root = { 0 };
	size_t before = out->len;
	const uint8_t *e;
	uint32_t cluster, size;

	if (root_load(m, v, &root, err) < 0)
		return -1;
	e = entry_find(&root, name);
	if (!e)
		return 0;
	cluster = le16(e + 26) | (v->fat.bits == 32 ? (uint32_t)le16(e + 20) << 16 : 0);
	size = le32(e + 28);
	if (size > max)
		return error_say(err, EFBIG, "%s has more than %zu bytes", name, max);
	if (chain_read(m, v, cluster, size, out, err) < 0)
		return error_wrap(err, "%s", name);
	return out->len - before == size ? 1 : error_set(err, 0, "%s: a part of it is missing", name);
}
