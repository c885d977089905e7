/* What machine a kernel file is for, by its first bytes. bzImage: Documentation/arch/x86/boot.rst; Image:
 * Documentation/arch/arm64/booting.rst. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { KERNEL_ARCH_HEAD = 0x206 };

/* As QEMU names it: "x86_64", "aarch64"; NULL: these bytes do not say. */
const char *kernel_arch_find(const uint8_t *head, size_t n);
