/* Partition tables: what a disk's first and last sectors say, and what they shall say.
 *
 * A table is changed as a whole and in one write, so that a power cut leaves the old one or the new one:
 *
 *   DOS  one sector has it all
 *   GPT  (UEFI specification 2.10, chapter 5) the backup at the end of the disk is written first, then the entries that
 *        do not fit the first 4096 bytes, then these bytes, which have the protective MBR, the header and the first
 *        entries, with one write. Should that one tear, the header's checksum tells, and the backup has the new table:
 *        table_read() takes it then and says so (`torn`), and table_write() makes both whole again.
 *
 * A disk that is being formatted has a mark in the part of sector 0 that was boot code once. It comes with the table
 * and goes when the file system is whole: whoever finds it knows that nobody has stored anything there yet.
 *
 * table_parse() and table_make_*() are functions from bytes to bytes; table_read() and table_write() do the I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum table_kind {
	TABLE_NONE,
	TABLE_DOS,
	TABLE_GPT,
};

enum {
	TABLE_PARTS = 128,         /* entries that are looked at */
	TABLE_ENTRIES = 128 * 128, /* bytes of a GPT's entries: more are refused */
	TABLE_EDGE = 32768,        /* bytes of each end of the disk that are read */
	TABLE_LABEL = 256,
	TABLE_TYPE = 16,
};

struct table_part {
	unsigned number; /* as in the device's name */
	uint64_t start, sectors;
	bool is_linux; /* type 83, or 0FC63DAF-8483-4772-8E79-3D69D8477DE4 */
};

/* What is being made on a disk. */
struct table_mark {
	char type[TABLE_TYPE];   /* of the file system; empty: there is no mark */
	char label[TABLE_LABEL]; /* empty: none */
};

struct table {
	enum table_kind kind;
	uint32_t sector;  /* bytes */
	uint64_t sectors; /* of the disk */
	uint64_t last;    /* the last sector that a partition may use */
	bool torn;        /* a GPT whose first copy is damaged: this is the backup */
	bool moved;       /* a GPT whose backup is not at the end of the disk: the disk has grown */
	struct table_part parts[TABLE_PARTS];
	size_t count;
	struct table_mark mark;
	/* private */
	uint8_t first[4096];               /* sector 0 as it is, or shall be */
	uint8_t guid[16];                  /* of the disk */
	uint64_t entries_at, first_usable; /* sectors */
	uint32_t entry_size, entry_count;
	uint8_t entries[TABLE_ENTRIES];
};

/* head: the first bytes of the disk, tail: its last ones; TABLE_EDGE of each, less on a smaller disk. Fails for a
 * table that is there and makes no sense. */
int table_parse(const uint8_t *head, const uint8_t *tail, size_t n, uint32_t sector, uint64_t sectors,
		struct table *out, struct error *err);

/* Of a GPT: whether a partition is the EFI system partition; its name, "" where it has none, with ? for what is not
 * ASCII. */
enum { TABLE_PART_NAME = 37 };
bool table_part_is_esp(const struct table *t, const struct table_part *p);
void table_part_name(const struct table *t, const struct table_part *p, char out[TABLE_PART_NAME]);

/* A table with one Linux partition over all of the disk, from 1 MiB on, with that mark. `random` has 36 random bytes.
 * The disk's sector size and size are set in t. */
int table_make(struct table *t, enum table_kind kind, const struct table_mark *mark, const uint8_t random[36],
	       struct error *err);

/* Moves the end of the one partition to the last sector that it may have. 1; 0: it has it already (less than 1 MiB
 * would be gained). */
int table_grow(struct table *t, struct error *err);

/* The mark goes. */
void table_unmark(struct table *t);

/* The disk's both ends as they shall be. head: 4096 bytes with the first entries, then the rest of the entries up to
 * TABLE_EDGE; tail: what is to be written at tail_at bytes (tail_size 0: nothing). */
struct table_bytes {
	uint8_t head[TABLE_EDGE], tail[TABLE_EDGE];
	size_t head_size, tail_size;
	uint64_t tail_at;
};
int table_render(const struct table *t, struct table_bytes *out, struct error *err);

/* The disk is open for reading, or for reading and writing. */
int table_read(int fd, struct table *t, struct error *err);
/* In the order that is told above; on the disk when it returns. */
int table_write(int fd, const struct table *t, struct error *err);
