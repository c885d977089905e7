/* FAT32: the file system's sizes, its tables, chains of clusters. */
#include "fat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fat_private.h"
#include "io.h"
#include "table_private.h"

/* Of the tables, 16 MiB: a partition of boot files is far smaller. */
enum { CLUSTERS_MAX = 4 << 20, TABLE_SECTOR_ENTRIES = FAT_SECTOR / 4 };

int fat_read(const struct fat *f, uint64_t at, void *data, size_t n, struct error *err)
{
	ssize_t r = io_pread(f->fd, data, n, (off_t)(f->base + at));

	return r == (ssize_t)n ? 0 : error_set(err, r < 0 ? errno : EIO, "read the FAT file system");
}

int fat_write(const struct fat *f, uint64_t at, const void *data, size_t n, struct error *err)
{
	const uint8_t *p = data;

	while (n > 0) {
		ssize_t r = pwrite(f->fd, p, n, (off_t)(f->base + at));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return error_set(err, r < 0 ? errno : EIO, "write the FAT file system");
		p += r;
		at += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int fat_sync(const struct fat *f, struct error *err)
{
	return fsync(f->fd) < 0 ? error_set(err, errno, "write the FAT file system") : 0;
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static uint32_t fat_get16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

/* What the first sector says. False: it is no FAT32, or has no sense. */
static bool sizes_parse(struct fat *f, const uint8_t *b, uint64_t sectors)
{
	uint32_t total = get32(b + 32), clusters;
	uint64_t data;

	f->cluster = b[13];
	f->reserved = fat_get16(b + 14);
	f->tables = b[16];
	f->table_size = get32(b + 36);
	f->root = get32(b + 44) & FAT_MASK;
	f->info = fat_get16(b + 48);
	if (b[510] != 0x55 || b[511] != 0xaa || fat_get16(b + 11) != FAT_SECTOR || fat_get16(b + 22) != 0)
		return false;
	if (f->cluster == 0 || (f->cluster & (f->cluster - 1)) || f->reserved == 0 || f->tables == 0 || f->tables > 2 ||
	    f->table_size == 0 || total > sectors || get32(b + 40) & 0x80 /* tables that are not alike */)
		return false;
	data = f->reserved + (uint64_t)f->tables * f->table_size;
	if (data >= total)
		return false;
	clusters = (uint32_t)((total - data) / f->cluster);
	if (clusters > CLUSTERS_MAX || clusters + 2 > (uint64_t)f->table_size * TABLE_SECTOR_ENTRIES)
		return false;
	f->end = clusters + 2;
	return f->root >= 2 && f->root < f->end && f->info < f->reserved;
}

int fat_open(struct fat *f, int fd, uint64_t offset, uint64_t size, struct error *err)
{
	uint8_t first[FAT_SECTOR];
	uint32_t used;

	*f = (struct fat){ .fd = fd, .base = offset };
	if (fat_read(f, 0, first, sizeof(first), err) < 0)
		return -1;
	if (!sizes_parse(f, first, size / FAT_SECTOR))
		return error_say(err, EINVAL, "there is no FAT32 file system, or it is damaged");
	used = (f->end + TABLE_SECTOR_ENTRIES - 1) / TABLE_SECTOR_ENTRIES;
	f->table = calloc(used, FAT_SECTOR);
	f->changed = calloc(used, sizeof(*f->changed));
	if (!f->table || !f->changed) {
		fat_close(f);
		return error_set(err, ENOMEM, "FAT");
	}
	if (fat_read(f, (uint64_t)f->reserved * FAT_SECTOR, f->table, (size_t)used * FAT_SECTOR, err) < 0) {
		fat_close(f);
		return -1;
	}
	for (uint32_t i = 0; i < used * TABLE_SECTOR_ENTRIES; i++)
		f->table[i] = get32((const uint8_t *)&f->table[i]);
	return 0;
}

void fat_close(struct fat *f)
{
	free(f->table);
	free(f->changed);
	f->table = NULL;
	f->changed = NULL;
}

/* --- chains ------------------------------------------------------------------------------------------------------- */

uint32_t fat_cluster_size(const struct fat *f)
{
	return f->cluster * FAT_SECTOR;
}

uint64_t fat_cluster_at(const struct fat *f, uint32_t cluster)
{
	return (f->reserved + (uint64_t)f->tables * f->table_size + (uint64_t)(cluster - 2) * f->cluster) * FAT_SECTOR;
}

uint32_t fat_next(const struct fat *f, uint32_t cluster)
{
	uint32_t next = cluster >= 2 && cluster < f->end ? f->table[cluster] & FAT_MASK : 0;

	return next >= 2 && next < f->end ? next : 0;
}

void fat_cluster_set(struct fat *f, uint32_t cluster, uint32_t value)
{
	f->table[cluster] = (f->table[cluster] & ~FAT_MASK) | value;
	f->changed[cluster / TABLE_SECTOR_ENTRIES] = true;
}

static uint32_t clusters_free(const struct fat *f)
{
	uint32_t n = 0;

	for (uint32_t i = 2; i < f->end; i++)
		n += (f->table[i] & FAT_MASK) == 0;
	return n;
}

uint64_t fat_bytes_free(const struct fat *f)
{
	return (uint64_t)clusters_free(f) * fat_cluster_size(f);
}

int fat_chain_take(struct fat *f, uint64_t bytes, uint32_t *first, struct error *err)
{
	uint64_t room = fat_bytes_free(f);
	uint32_t size = fat_cluster_size(f), before = 0, i = 2;

	if (bytes > room)
		return error_say(err, ENOSPC, "%llu KiB are lacking",
				 (unsigned long long)((bytes - room + 1023) / 1024));
	for (uint64_t left = (bytes + size - 1) / size; left > 0; i++) {
		if ((f->table[i] & FAT_MASK) != 0)
			continue;
		if (before)
			fat_cluster_set(f, before, i);
		else
			*first = i;
		fat_cluster_set(f, i, FAT_MASK);
		before = i;
		left--;
	}
	return 0;
}

int fat_chain_write(struct fat *f, uint32_t *at, const uint8_t *data, size_t n, struct error *err)
{
	uint32_t size = fat_cluster_size(f);

	while (n > 0) {
		size_t piece = 0;
		uint32_t begin = *at, last;

		if (begin == 0)
			return error_set(err, ENOSPC, "FAT");
		do { /* clusters that follow each other are one write */
			last = *at;
			piece += n - piece < size ? n - piece : size;
			*at = fat_next(f, last);
		} while (piece < n && *at == last + 1);
		if (fat_write(f, fat_cluster_at(f, begin), data, piece, err) < 0)
			return -1;
		data += piece;
		n -= piece;
	}
	return 0;
}

int fat_chain_read(struct fat *f, uint32_t *at, uint8_t *data, struct error *err)
{
	if (*at < 2 || *at >= f->end)
		return error_set(err, EINVAL, "FAT: cluster %u", *at);
	if (fat_read(f, fat_cluster_at(f, *at), data, fat_cluster_size(f), err) < 0)
		return -1;
	*at = fat_next(f, *at);
	return 0;
}

/* --- writing them ------------------------------------------------------------------------------------------------- */

static int table_sector_write(const struct fat *f, uint32_t i, struct error *err)
{
	uint8_t bytes[FAT_SECTOR];

	for (uint32_t k = 0; k < TABLE_SECTOR_ENTRIES; k++)
		put32(bytes + 4 * k, f->table[i * TABLE_SECTOR_ENTRIES + k]);
	for (uint32_t t = 0; t < f->tables; t++)
		if (fat_write(f, ((uint64_t)f->reserved + (uint64_t)t * f->table_size + i) * FAT_SECTOR, bytes,
			      sizeof(bytes), err) < 0)
			return -1;
	return 0;
}

/* How many clusters are free is advice, which nobody has to believe. */
static int info_write(const struct fat *f, struct error *err)
{
	uint8_t b[FAT_SECTOR];

	if (f->info == 0)
		return 0;
	if (fat_read(f, (uint64_t)f->info * FAT_SECTOR, b, sizeof(b), err) < 0)
		return -1;
	if (get32(b) != 0x41615252 || get32(b + 484) != 0x61417272)
		return 0;
	put32(b + 488, clusters_free(f));
	put32(b + 492, 2);
	return fat_write(f, (uint64_t)f->info * FAT_SECTOR, b, sizeof(b), err);
}

int fat_table_write(struct fat *f, struct error *err)
{
	uint32_t used = (f->end + TABLE_SECTOR_ENTRIES - 1) / TABLE_SECTOR_ENTRIES;

	for (uint32_t i = 0; i < used; i++) {
		if (f->changed[i] && table_sector_write(f, i, err) < 0)
			return -1;
		f->changed[i] = false;
	}
	if (info_write(f, err) < 0)
		return -1;
	return fat_sync(f, err);
}
