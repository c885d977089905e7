/* The systems that the boot loader knows: the files of ours in the folder EFI/Linux of the EFI system partition. */
#pragma once

#include "entry.h"
#include "error.h"
#include "fat.h"
#include "slots.h"

enum { BOOT_ENTRIES = 32 };

struct boot {
	struct fat fat;
	struct fat_dir dir;
	struct boot_entry {
		struct entry entry;
		struct fat_entry file;
	} entries[BOOT_ENTRIES]; /* the first is started first */
	size_t count;
};

/* The partition is open. */
int boot_open(struct boot *b, const struct extent *esp, struct error *err);
void boot_close(struct boot *b);
#define _cleanup_boot_ _cleanup_(boot_close)

/* The slot's entry that is started first; NULL: it has none. */
const struct boot_entry *boot_find(const struct boot *b, int slot);

/* The generation of an entry that shall be started before all others. 0: there is none after the highest. */
unsigned boot_generation(const struct boot *b);

/* Gives an entry another name, with one write; on the disk when it returns. Entries are read anew then. */
int boot_rename(struct boot *b, const struct boot_entry *e, const struct entry *name, struct error *err);
/* Removes all entries of a slot; on the disk when it returns. The clusters are free afterwards, in memory. */
int boot_remove(struct boot *b, int slot, struct error *err);
/* Adds one for a kernel that is in this chain. The tables are on the disk before, the name when it returns. */
int boot_add(struct boot *b, const struct entry *name, uint32_t first, uint32_t size, struct error *err);
