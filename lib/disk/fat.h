/* A FAT32 file system on a partition that nobody has mounted. One directory of it can be read, and changed so that a
 * power cut leaves the old directory or the new one. (Microsoft, FAT32 File System Specification 1.03.)
 *
 * The boot loader's files are the only ones of a machine that a power cut must never spoil, and the kernel's vfat gives
 * no promise of an order. Here each step is on the disk before the next one begins:
 *
 *   a new file     its content, in clusters that are free; its chain, in both tables; its name: one sector
 *   a file goes    its name: one sector
 *   a new name     one sector, which loses the old name and gets the new one
 *
 * What a removed file leaves, and what a power cut leaves in between, is clusters that nobody uses: fat_lost_free()
 * finds all of them. A disk writes a sector of 512 bytes whole or not at all.
 *
 *   fat_open -> fat_dir_open -> fat_dir_remove, fat_dir_add (in memory) -> fat_dir_write
 *           `-> fat_lost_free, fat_chain_take (in memory), fat_chain_write -> fat_table_write
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct fat {
	/* private */
	int fd;
	uint64_t base;                 /* where it begins, in bytes */
	uint32_t reserved, table_size; /* sectors: in front of the tables, of one table */
	uint32_t tables, cluster;      /* how many tables; sectors of a cluster */
	uint32_t root, end, info; /* first cluster of the root; the number after the last cluster; FSInfo's sector */
	uint32_t *table;          /* host's byte order; the upper 4 bits as they were */
	bool *changed;            /* of each sector of the table */
};

/* fd: the disk or partition, open for reading, or for reading and writing; it stays the caller's. offset, size: where
 * the file system is, in bytes. EINVAL: this is none, or a damaged one. */
int fat_open(struct fat *f, int fd, uint64_t offset, uint64_t size, struct error *err);
void fat_close(struct fat *f);
#define _cleanup_fat_ _cleanup_(fat_close)

uint64_t fat_bytes_free(const struct fat *f);

/* Takes free clusters for so many bytes (more than 0), in memory. ENOSPC: there are not so many; it says how many bytes
 * are lacking. */
int fat_chain_take(struct fat *f, uint64_t bytes, uint32_t *first, struct error *err);
/* The tables, as far as they have changed, are on the disk when it returns. */
int fat_table_write(struct fat *f, struct error *err);

/* Content into a chain, from its beginning: *at is first the chain's first cluster and moves on. n is a multiple of
 * fat_cluster_size() but for the last piece. Not synced. */
int fat_chain_write(struct fat *f, uint32_t *at, const uint8_t *data, size_t n, struct error *err);
/* The next cluster's content, which has fat_cluster_size() bytes. 0, or -1; at the chain's end *at is 0. */
int fat_chain_read(struct fat *f, uint32_t *at, uint8_t *data, struct error *err);
uint32_t fat_cluster_size(const struct fat *f);

/* --- directories ------------------------------------------------------------------------------------------------ */

enum { FAT_NAME = 64 };

struct fat_entry {
	char name[FAT_NAME]; /* "": one that has no room here, or is not ASCII */
	uint32_t first, size;
	bool directory;
	/* private: its slots of 32 bytes */
	size_t slot, slots;
};

struct fat_dir {
	/* private */
	struct fat *fat;
	uint32_t *clusters;
	size_t count, size; /* clusters, bytes */
	uint8_t *was, *is;  /* as on the disk, and as it shall be */
};

/* path: "EFI/Linux". Upper and lower case are one. ENOENT, ENOTDIR. */
int fat_dir_open(struct fat *f, const char *path, struct fat_dir *d, struct error *err);
void fat_dir_close(struct fat_dir *d);
#define _cleanup_fat_dir_ _cleanup_(fat_dir_close)

/* The next file or directory; *at is 0 at first. False: that was the last. */
bool fat_dir_next(const struct fat_dir *d, size_t *at, struct fat_entry *out);

/* In memory; the chain is not touched. */
void fat_dir_remove(struct fat_dir *d, const struct fat_entry *e);
/* In memory: a file of that name, in a sector that has changed already where one has room for it. ENOSPC: the directory
 * has no room, ENAMETOOLONG. time: seconds since 1970. */
int fat_dir_add(struct fat_dir *d, const char *name, uint32_t first, uint32_t size, int64_t time, struct error *err);
/* What has changed is on the disk when it returns: new names first. */
int fat_dir_write(struct fat_dir *d, struct error *err);

/* Gives back, in memory, all clusters that no file or directory has. */
int fat_lost_free(struct fat *f, struct error *err);
