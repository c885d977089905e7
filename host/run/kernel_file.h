/* Whether a file can be the kernel that QEMU is given: one that was cut, or is none, hangs without a word.
 *
 * bzImage: Documentation/arch/x86/boot.rst; Image: Documentation/arch/arm64/booting.rst; EFI's PE header and zboot:
 * drivers/firmware/efi/libstub/zboot-header.S; ELF; Multiboot; U-Boot's uImage. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { KERNEL_FILE_HEAD = 8192 };

/* From the first bytes (up to KERNEL_FILE_HEAD) of a file of the given size. -1: it is cut, or no kernel at all; the
 * message has no file name. */
int kernel_file_check(const uint8_t *head, size_t n, uint64_t size, struct error *err);
