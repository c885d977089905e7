/* Kernel files as they are shipped: bzImage (Documentation/arch/x86/boot.rst), gzip'ed Image of arm64, EFI zboot
 * (drivers/firmware/efi/libstub/zboot-header.S). */
#pragma once

#include <stdint.h>

#include "error.h"
#include "tree.h"

enum kernel_kind {
	KERNEL_KIND_OTHER,
	KERNEL_KIND_GZIP, /* the whole file is compressed */
	KERNEL_KIND_ZSTD,
	KERNEL_KIND_BZIMAGE,
	KERNEL_KIND_ZBOOT,
	KERNEL_KIND_PLAIN, /* arm64 Image or ELF: not compressed */
};

struct kernel_payload {
	enum kernel_kind kind;
	uint64_t offset, size; /* of the compressed kernel in the file */
};

enum { KERNEL_HEAD = 0x260 };

/* From the first bytes (up to KERNEL_HEAD) of a file of the given size. -1 when the headers contradict themselves. */
int kernel_payload_parse(const uint8_t *head, size_t n, uint64_t file_size, struct kernel_payload *out,
			 struct error *err);

/* Replaces the file at path by what is compressed in it. Streams: nothing is held in memory. */
int kernel_decompress(struct tree *t, const char *path, struct error *err);
