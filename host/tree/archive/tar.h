/* The tar format: POSIX.1-2017 ustar and pax interchange formats, and the GNU extensions that layers of images
 * use (long names, base-256 numbers). No I/O: blocks in, entries out, and back.
 *
 * Reading: give every 512-byte block at a header's place to tar_header(); it says what the block is. TAR_META: the next
 * `meta_size` bytes (padded to 512) are metadata: pass them to tar_meta(). TAR_ENTRY: `entry` is filled, its
 * `stored` bytes of content (padded to 512) follow. TAR_SPARSE: the next block belongs to a map of holes: pass it to
 * tar_sparse(), which says the same or TAR_ENTRY. TAR_END: a zero block, the archive is over.
 * Refused with a message: a bad checksum, numbers out of range, multi-volume members, unknown critical types, metadata
 * over 1 MiB, maps that overlap or have over 65536 segments, paths with a NUL or over 4095 bytes. Paths are otherwise
 * taken as they are: whether one leads out of the tree is the caller's to judge. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

#define TAR_BLOCK        512
#define TAR_META_MAX     (1u << 20)
#define TAR_PATH_MAX     4095
#define TAR_XATTRS_MAX   128
#define TAR_SEGMENTS_MAX 65536
#define TAR_SPARSE_MAX   (UINT64_C(1) << 40) /* size of a file with holes: a few bytes could ask for any */

/* Where an entry of a machine's archive comes from, in LinuxKit's records. */
#define TAR_SOURCE   "LINUXKIT.source"
#define TAR_LOCATION "LINUXKIT.location"

enum tar_type {
	TAR_FILE = '0',
	TAR_LINK = '1', /* one more name for `target`, a path in the archive */
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCK_DEVICE = '4',
	TAR_DIR = '5',
	TAR_FIFO = '6',
};

struct tar_xattr {
	const char *name; /* ends with a NUL */
	const uint8_t *value;
	size_t len;
};

/* A part of a file with holes that the archive holds; in order, apart from each other. */
struct tar_segment {
	uint64_t at, len;
};

struct tar_entry {
	enum tar_type type;
	const char *path, *target; /* target: of links and symbolic links, else "" */
	uint32_t mode;             /* 07777 */
	uint32_t uid, gid;
	uint64_t size; /* of files; 0 for every other type */
	int64_t mtime; /* seconds since the epoch, rounded down */
	uint32_t mtime_nsec;
	uint32_t major, minor;
	const struct tar_xattr *xattrs;
	size_t xattr_count;
	uint32_t shared; /* reading: the number of the archive's global header when all xattrs are its own, else 0 */
	bool gnu_target; /* writing: a long target as a GNU member, for readers that misread pax's linkpath */
	const char *source, *location; /* the records LINUXKIT.source and LINUXKIT.location, both or NULL */
	/* reading only */
	uint64_t stored;                    /* bytes of the file in the archive: size, or the sum of the segments */
	const struct tar_segment *segments; /* NULL unless the file has holes, which read as zeros */
	size_t segment_count;
};

enum tar_what {
	TAR_ENTRY,
	TAR_META,
	TAR_SPARSE,
	TAR_SKIP, /* a member without meaning for a tree (a volume label): meta_size bytes to skip */
	TAR_END,
};

/* What headers say of a file with holes. Private. */
struct tar_map {
	struct tar_segment *list;
	size_t count, capacity;
	uint64_t size;      /* of the file */
	char *name;         /* the file's, in pax's versions; NULL: the header's */
	uint64_t at;        /* version 0.0: the offset that waits for its length */
	bool has_at, given; /* given: there is a map */
	bool in_data;       /* version 1.0: the map stands in front of the content */
};

/* One set of overrides: those of the archive ('g') or of the next entry ('x', 'L', 'K'). Private. */
struct tar_overrides {
	char *path, *target, *source, *location;
	uint64_t size;
	uint32_t uid, gid, mtime_nsec;
	int64_t mtime;
	bool has_size, has_uid, has_gid, has_mtime;
	struct tar_xattr xattrs[TAR_XATTRS_MAX]; /* name and value in one allocation each, at name */
	size_t xattr_count;
	struct tar_map map;
};

struct tar_reader {
	struct tar_entry entry; /* after TAR_ENTRY; its strings live until the next call */
	uint64_t meta_size;     /* after TAR_META (at most TAR_META_MAX) and TAR_SKIP */
	/* private */
	struct tar_overrides local, global;
	uint32_t global_number; /* counts up with every global header */
	bool local_used;
	char meta_type;
	char path[257], target[101];
	struct tar_xattr xattrs[2 * TAR_XATTRS_MAX];
	/* of the map in the data: numbers still to come (-1: their count), the number under way, bytes read */
	int64_t map_left;
	uint64_t map_number, map_bytes;
	bool map_digits, map_gnu;
};

/* Zero-initialise, and clear at the end. */
void tar_reader_clear(struct tar_reader *r);
#define _cleanup_tar_reader_ _cleanup_(tar_reader_clear)

/* enum tar_what, or -1. */
int tar_header(struct tar_reader *r, const uint8_t block[TAR_BLOCK], struct error *err);
int tar_meta(struct tar_reader *r, const uint8_t *data, size_t n, struct error *err);
/* TAR_SPARSE, TAR_ENTRY or -1. */
int tar_sparse(struct tar_reader *r, const uint8_t block[TAR_BLOCK], struct error *err);

/* Bytes of padding after n bytes of content. */
static inline uint32_t tar_padding(uint64_t n)
{
	return (uint32_t)(-n & (TAR_BLOCK - 1));
}

/* Appends the header blocks of an entry: one of ustar, with a pax header in front where ustar cannot say it.
 * Directories get their slash here. Deterministic. */
int tar_write_header(struct buf *out, const struct tar_entry *e, struct error *err);
