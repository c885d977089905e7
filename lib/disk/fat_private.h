/* Shared by the files of FAT32. */
#pragma once

#include "fat.h"

enum {
	FAT_SECTOR = 512,
	FAT_SLOT = 32, /* bytes of a directory's entry */
	FAT_DELETED = 0xe5,
	FAT_ATTR = 11,
	FAT_ATTR_VOLUME = 0x08,
	FAT_ATTR_DIRECTORY = 0x10,
	FAT_ATTR_LONG = 0x0f,
};

/* Below it are free clusters (0), above it the ends of chains. */
#define FAT_MASK 0x0fffffffu
#define FAT_BAD  0x0ffffff7u

/* The cluster after this one; 0: it was the last. A number that is no cluster's ends a chain as well. */
uint32_t fat_next(const struct fat *f, uint32_t cluster);

int fat_read(const struct fat *f, uint64_t at, void *data, size_t n, struct error *err);
int fat_write(const struct fat *f, uint64_t at, const void *data, size_t n, struct error *err);
int fat_sync(const struct fat *f, struct error *err);
/* What the table says of a cluster: 0, that it is free. */
void fat_cluster_set(struct fat *f, uint32_t cluster, uint32_t value);
/* In bytes from the file system's beginning. */
uint64_t fat_cluster_at(const struct fat *f, uint32_t cluster);

/* The directory that begins with this cluster. */
int fat_dir_load(struct fat *f, uint32_t first, struct fat_dir *d, struct error *err);
