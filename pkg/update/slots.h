/* The parts of a disk with two systems (`pith build --ab`): the EFI system partition, and the partitions "pith-a" and
 * "pith-b", each a root. */
#pragma once

#include <stdint.h>

#include "drive.h"
#include "error.h"

#define SLOT_NAMES "ab"
enum { SLOTS = 2 };

struct extent {
	int fd; /* -1: not open */
	uint64_t offset, size;
	char device[DRIVE_PATH];
};

struct slots {
	struct extent esp, slot[SLOTS];
	int running; /* the slot that this machine's root is in; -1: a disk that is not this machine's */
};
#define SLOTS_INIT                                                                  \
	{                                                                           \
		.esp.fd = -1, .slot = { { .fd = -1 }, { .fd = -1 } }, .running = -1 \
	}

/* Those of this machine, by its root; nothing is open yet. ENODEV: its root is in no slot. */
int slots_of_machine(struct slots *s, struct error *err);
/* Those of a disk that is in a file, which is opened. */
int slots_of_file(struct slots *s, const char *path, struct error *err);
/* Opens a device for writing, where it is not open. EBUSY: somebody else writes it, or has it mounted. */
int extent_open(struct extent *e, struct error *err);
/* Only to read. */
int extent_open_read(struct extent *e, struct error *err);
void slots_close(struct slots *s);
#define _cleanup_slots_ _cleanup_(slots_close)

/* The UUID of the root that a slot has, as 16 bytes; all zeros: it has none. The slot is open. */
int slot_uuid(const struct extent *slot, uint8_t uuid[16], struct error *err);

/* In a root's first block (linux/fs/erofs/erofs_fs.h: the superblock is at 1024). */
enum { EROFS_MAGIC_AT = 1024, EROFS_UUID_AT = 1024 + 48 };
#define EROFS_MAGIC 0xe0f5e1e2u
