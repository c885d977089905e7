/* Reads single files out of the root directory of a disk that holds ISO 9660 or FAT, without the kernel's mounting it.
 *
 * The kernel's file systems trust what they mount, and mounting needs the right to mount. Reading two small files
 * needs neither: this code is some hundred lines, bounded, fuzzed, and fails in this program alone. It also reads a FAT
 * volume where the kernel has no vfat.
 *
 * ISO 9660 is ECMA-119 with the names of Rock Ridge (SUSP and RRIP 1.12), else of Joliet, else its own in small
 * letters, as Linux shows them. FAT is FAT12, FAT16 and FAT32 with long names, of any case, as Microsoft's "FAT:
 * General Overview of On-Disk Format" 1.03 has it. Partition tables are not looked at: a partition is a device of its
 * own. */
#pragma once

#include <stdint.h>

#include "buf.h"
#include "error.h"

/* Where the bytes come from. */
struct medium {
	/* All n bytes or -1 with an error. */
	int (*read)(const struct medium *m, uint64_t at, void *to, size_t n, struct error *err);
	uint64_t size; /* in bytes */
	const void *data;
	int fd;
};

/* A device, or a file that holds an image. The descriptor stays the caller's. */
int medium_open(struct medium *m, int fd, struct error *err);
/* Bytes in memory. */
struct medium medium_memory(const void *data, size_t n);

enum volume_kind {
	VOLUME_NONE,
	VOLUME_ISO9660,
	VOLUME_FAT,
};

struct volume {
	enum volume_kind kind;
	char label[33]; /* without blanks at its end; bytes as they are on the disk */
	/* private */
	union {
		struct {
			uint32_t block;               /* bytes */
			uint32_t root, root_size;     /* of the primary tree: in blocks, in bytes */
			uint32_t joliet, joliet_size; /* likewise; size 0: there is none */
		} iso;
		struct {
			unsigned bits;              /* of an entry of the table: 12, 16 or 32 */
			uint32_t sector, cluster;   /* bytes */
			uint32_t clusters;          /* their number; the first one is 2 */
			uint32_t root_cluster;      /* FAT32 */
			uint32_t root_entries;      /* the others */
			uint64_t table, root, data; /* offsets in bytes */
		} fat;
	};
};

/* 1: it holds one of the two; 0: something else; -1: it cannot be read. */
int volume_probe(const struct medium *m, struct volume *v, struct error *err);

/* Appends the content of a file in the root directory. 1; 0: there is no such file; -1: it is damaged, or has more than
 * max bytes (EFBIG). */
int volume_read(const struct medium *m, const struct volume *v, const char *name, size_t max, struct buf *out,
		struct error *err);
