/* What a file is that somebody wants to boot, by its first bytes: a disk, a CD, or something that has to be unpacked
 * first. ISO 9660: ECMA-119, 8.4. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "boot.h"

enum boot_file {
	BOOT_FILE_DISK, /* whatever is none of the others */
	BOOT_FILE_ISO,
	BOOT_FILE_COMPRESSED,
	BOOT_FILE_ARCHIVE,
	BOOT_FILE_KERNEL,
};

/* So much is looked at: the volume descriptors of a CD begin in its sector 16. */
enum { BOOT_FILE_HEAD = 16 * 2048 + 8 };

/* Takes any bytes. */
enum boot_file boot_file_parse(const uint8_t *head, size_t n);

/* Reads the file and settles the kind, where `wanted` is BOOT_ANY: BOOT_ISO or BOOT_DISK. -1: this is nothing to boot
 * (the message says what to do with it), or wanted is BOOT_ISO and this is none. What is wanted as a disk is one. */
int boot_file_kind(const char *name, enum boot_kind wanted, enum boot_kind *out, struct error *err);
