/* The file that a machine with two systems is updated from (`pith build --format update`):
 *
 *   4096 bytes   the header: lines of text, then zeros
 *   kernel       an EFI program: kernel, initrd and command line (a unified kernel image)
 *   root         a file system image, whole blocks of 4096 bytes
 *
 * The header's lines, in this order:
 *
 *   pith update 1
 *   arch amd64
 *   uuid 70697468-0000-4000-8000-000000000000
 *   kernel BYTES SHA256
 *   root BYTES SHA256
 *
 * The UUID is the file system's. The initrd knows the root by it, so that a kernel never starts with another root; it
 * is made of the content of both. */
#pragma once

#include <stdint.h>

#include "error.h"
#include "sha256.h"
#include "uuid.h"

enum {
	UPDATE_HEADER = 4096,
	UPDATE_ARCH = 16,
	UPDATE_BLOCK = 4096,
};

/* A part has at least one byte, and less than this. */
#define UPDATE_PART_MAX (UINT64_C(1) << 40)

struct update_part {
	uint64_t size;
	char sha256[SHA256_HEX];
};

struct update {
	char arch[UPDATE_ARCH]; /* in Go's words */
	char uuid[UUID_TEXT];   /* lower case */
	struct update_part kernel, root;
};

/* EINVAL: this is no header, or a damaged one; ENOTSUP: one of a later pith. */
int update_parse(const uint8_t header[UPDATE_HEADER], struct update *out, struct error *err);
void update_format(const struct update *u, uint8_t header[UPDATE_HEADER]);
