/* A FAT32 file system in 36 MiB, of which the input is the first bytes: what it claims stays inside of it, and a file
 * that is added is there afterwards. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fat.h"

enum { SIZE = 36 << 20 };

static int memory = -1;

static void names_check(const struct fat_dir *d)
{
	struct fat_entry e;
	size_t count = 0;

	for (size_t at = 0; fat_dir_next(d, &at, &e); count++)
		if (strlen(e.name) >= FAT_NAME || e.slots == 0 || at > (2 << 20) / 32)
			abort();
}

static void file_add(struct fat *f, struct fat_dir *d)
{
	static const uint8_t data[5000];
	struct fat_entry e = { 0 };
	uint32_t first = 0, at;

	if (fat_lost_free(f, NULL) < 0 || fat_chain_take(f, sizeof(data), &first, NULL) < 0)
		return;
	at = first;
	if (fat_chain_write(f, &at, data, sizeof(data), NULL) < 0)
		abort();
	if (fat_dir_add(d, "pith-7-b+3.efi", first, sizeof(data), 0, NULL) < 0)
		return;
	for (size_t next = 0; fat_dir_next(d, &next, &e);)
		if (strcmp(e.name, "pith-7-b+3.efi") == 0 && e.first == first && e.size == sizeof(data))
			return;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_fat_ struct fat f = { 0 };
	_cleanup_fat_dir_ struct fat_dir d = { 0 };

	if (memory < 0)
		memory = memfd_create("fat", MFD_CLOEXEC);
	if (ftruncate(memory, 0) < 0 || ftruncate(memory, SIZE) < 0 || pwrite(memory, data, n, 0) != (ssize_t)n)
		return 0;
	if (fat_open(&f, memory, 0, SIZE, &err) < 0 || fat_dir_open(&f, "", &d, &err) < 0) {
		if (!err.msg)
			abort();
		return 0;
	}
	names_check(&d);
	file_add(&f, &d);
	return 0;
}
