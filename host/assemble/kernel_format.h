/* Kernel files as they are shipped: bzImage (Documentation/arch/x86/boot.rst), compressed Image of arm64, EFI zboot
 * (drivers/firmware/efi/libstub/zboot-header.S); and what the kernel's build compresses with. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "tree.h"

enum kernel_kind {
	KERNEL_KIND_OTHER,
	KERNEL_KIND_ZIPPED, /* the whole file is compressed */
	KERNEL_KIND_BZIMAGE,
	KERNEL_KIND_ZBOOT,
	KERNEL_KIND_PLAIN, /* arm64 Image or ELF: not compressed */
};

enum kernel_zip {
	KERNEL_ZIP_NONE,
	KERNEL_ZIP_GZIP,
	KERNEL_ZIP_ZSTD,
	KERNEL_ZIP_XZ,
	KERNEL_ZIP_LZMA,
	KERNEL_ZIP_BZIP2,
	KERNEL_ZIP_LZ4,
	KERNEL_ZIP_LZO,
};

struct kernel_payload {
	enum kernel_kind kind;
	uint64_t offset, size; /* of the compressed kernel in the file */
	bool efi;              /* the file is an EFI program: firmware starts it */
};

enum { KERNEL_HEAD = 0x260, KERNEL_MAGIC = 6 };

/* From the first bytes (up to KERNEL_HEAD) of a file of the given size. -1 when the headers contradict themselves. */
int kernel_payload_parse(const uint8_t *head, size_t n, uint64_t file_size, struct kernel_payload *out,
			 struct error *err);

/* The same for a file of a tree. */
int kernel_look(const struct tree_node *kernel, struct kernel_payload *out, struct error *err);

/* What compressed data of n bytes or more begins with; KERNEL_ZIP_NONE: nothing known. */
enum kernel_zip kernel_zip_find(const uint8_t *data, size_t n);

/* Replaces the file at path by what is compressed in it. Nothing of its size is held in memory: gzip and zstd are
 * streams, for the rest a program of the distribution writes a file without a name. */
int kernel_decompress(struct tree *t, const char *path, struct error *err);
