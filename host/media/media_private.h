/* Shared by the files that make disks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "media.h"

enum { MIB = 1 << 20, SECTOR = 512 };
/* Fixed identities: "pith" in ASCII, as in the other file systems. */
#define MEDIA_SERIAL "70697468"
#define MEDIA_UUID   "70697468-0000-4000-8000-000000000000"
#define ESP_UUID     "70697468-0000-4000-8000-000000000001"

/* --- efi.c --- */
struct efi_arch {
	const char *arch, *stub;
	const char *loader; /* systemd-boot, as a file of the host, */
	const char *boot;   /* and where the firmware looks for it */
	const char *root;   /* the type of a root's partition */
};
const struct efi_arch *efi_arch_find(const char *arch, struct error *err);
/* loader.conf, as a file in b->dir: NULL, or its path, which the caller frees. */
char *efi_loader_conf(const struct media_boot *b, struct error *err);

/* --- cmdline.c --- */
/* A command line as one line; NULL, with E2BIG where it is longer than the kernel takes. Caller frees. */
char *cmdline_check(const char *cmdline, struct error *err);

/* --- fat.c --- */
struct fat_file {
	const char *from; /* file of the host */
	const char *to;   /* "/EFI/BOOT/BOOTX64.EFI" */
};
/* How large a FAT32 file system has to be for these files, whole MiB. EFBIG: a file of more than FAT takes. */
int fat_size(const struct fat_file *files, size_t n, uint64_t *size, struct error *err);
/* Makes one at an offset of the image and puts the files into it. dirs: NULL-terminated, parents first, may be NULL. */
int fat_make(int fd, uint64_t offset, uint64_t size, int64_t time, const char *const *dirs,
	     const struct fat_file *files, size_t n, struct error *err);
/* Gives the image its size, and its first `used` bytes room on the disk: mtools do not always say that there is none.
 */
int image_reserve(int fd, uint64_t size, uint64_t used, struct error *err);

/* The size of a disk that was asked for (0: none was), or an error that says how much is needed. */
int disk_size(uint64_t asked, uint64_t needed, uint64_t *out, struct error *err);
/* Writes a partition table; `script` is sfdisk's. */
int partition_write(int fd, const char *script, struct error *err);
