#include "boot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int boot_compare(const void *a, const void *b)
{
	const struct boot_entry *x = a, *y = b;

	return entry_compare(&y->entry, &x->entry);
}

static void entries_read(struct boot *b)
{
	struct fat_entry file;

	b->count = 0;
	for (size_t at = 0; b->count < BOOT_ENTRIES && fat_dir_next(&b->dir, &at, &file);) {
		struct boot_entry *e = &b->entries[b->count];

		if (file.directory || !entry_parse(file.name, &e->entry))
			continue;
		e->file = file;
		b->count++;
	}
	qsort(b->entries, b->count, sizeof(*b->entries), boot_compare);
}

int boot_open(struct boot *b, const struct extent *esp, struct error *err)
{
	*b = (struct boot){ 0 };
	if (fat_open(&b->fat, esp->fd, esp->offset, esp->size, err) < 0 ||
	    fat_dir_open(&b->fat, "EFI/Linux", &b->dir, err) < 0) {
		boot_close(b);
		return error_wrap(err, "%s (EFI system partition)", esp->device);
	}
	entries_read(b);
	return 0;
}

void boot_close(struct boot *b)
{
	fat_dir_close(&b->dir);
	fat_close(&b->fat);
}

const struct boot_entry *boot_find(const struct boot *b, int slot)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->entries[i].entry.slot == slot)
			return &b->entries[i];
	return NULL;
}

unsigned boot_generation(const struct boot *b)
{
	unsigned highest = 0;

	for (size_t i = 0; i < b->count; i++)
		if (b->entries[i].entry.generation > highest)
			highest = b->entries[i].entry.generation;
	return highest < ENTRY_GENERATION_MAX ? highest + 1 : 0;
}

static int changes_write(struct boot *b, struct error *err)
{
	int r = fat_dir_write(&b->dir, err);

	entries_read(b);
	return r;
}

int boot_rename(struct boot *b, const struct boot_entry *e, const struct entry *name, struct error *err)
{
	const struct fat_entry file = e->file;
	char text[FAT_NAME];

	entry_name(name, text);
	fat_dir_remove(&b->dir, &file);
	if (fat_dir_add(&b->dir, text, file.first, file.size, time(NULL), err) < 0)
		return -1;
	return changes_write(b, err);
}

int boot_remove(struct boot *b, int slot, struct error *err)
{
	while (boot_find(b, slot)) { /* again where there are more of them than we hold */
		for (size_t i = 0; i < b->count; i++)
			if (b->entries[i].entry.slot == slot)
				fat_dir_remove(&b->dir, &b->entries[i].file);
		if (changes_write(b, err) < 0)
			return -1;
	}
	return fat_lost_free(&b->fat, err);
}

int boot_add(struct boot *b, const struct entry *name, uint32_t first, uint32_t size, struct error *err)
{
	char text[FAT_NAME];

	entry_name(name, text);
	if (fat_table_write(&b->fat, err) < 0 || fat_dir_add(&b->dir, text, first, size, time(NULL), err) < 0)
		return -1;
	return changes_write(b, err);
}
