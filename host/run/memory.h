/* What memory a kernel and its initramfs need at least, told from their files, since a machine with less dies in as
 * many ways as there are places where memory runs out, some without a word.
 *
 *   until it runs   The bootloader's copy of the initramfs lies above the place where the kernel unpacks itself.
 *   at its start    The kernel, the initramfs, and what that unpacks to are there at the same time. Our kernel frees
 *                   what it has unpacked, but for what is compressed.
 *   later           The kernel, what was unpacked, and some room for programs.
 *
 * The sums were compared with the smallest memory that example machines start with (docs/boot.md, "How much memory").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "error.h"

struct memory_kernel {
	uint64_t size; /* bytes that it takes while it starts; 0: its file does not say */
	uint64_t end;  /* address behind it */
	bool frees;    /* it may free an archive that is not compressed while it unpacks it */
};

/* From a kernel file's first bytes: init_size, pref_address and kernel_version (Documentation/arch/x86/boot.rst),
 * image_size (Documentation/arch/arm64/booting.rst). Our kernel frees, whose release ends in "-pith"; so may arm64's,
 * whose head does not name it. The version is somewhere in the first MEMORY_KERNEL_SETUP bytes. */
enum { MEMORY_KERNEL_HEAD = 0x264, MEMORY_KERNEL_SETUP = 32768 };
struct memory_kernel memory_kernel_parse(const uint8_t *head, size_t n);

/* The header of a cpio entry ("newc", buffer-format.rst): how far away the next one is, and how much memory its content
 * takes. -1: this is none. */
enum { MEMORY_CPIO_HEAD = 110 };
int memory_cpio_parse(const uint8_t head[MEMORY_CPIO_HEAD], uint64_t *step, uint64_t *content);

/* Bytes that are needed at least, given what the parts take. Of the initramfs, `packed` is compressed. */
uint64_t memory_sum(const struct memory_kernel *kernel, uint64_t initrd, uint64_t packed, uint64_t unpacked);

/* Fails where the machine has less memory than the image needs, with a message that says how much that is. Nothing is
 * known, and nothing refused, of an ISO image or a disk. */
int memory_check(const struct boot *boot, uint64_t memory, struct error *err);
