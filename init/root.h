/* The root that the system runs on. Five cases, told apart by what the kernel started us on:
 *
 *   an initramfs with /rootfs.erofs or /rootfs.squashfs   modules of /early are loaded, the image is mounted read-only
 *                                                         over /, and what else the initramfs held is freed
 *   the same, or one with no image, and VERITY_WORD       every block of the image is checked (verified.h); without an
 *   on the command line                                   image in the initramfs a disk has it
 *   an initramfs with /rootfs.slot                        modules of /early are loaded, and the root that it names is
 *                                                         found on a disk (slot.h) and mounted in the same way
 *   any other initramfs                                   / is bound over itself, nothing is copied: the root then has
 *                                                         a parent mount, which pivot_root(2) asks for
 *   a file system on a device                             nothing to do
 *
 * But for the last PID 1's root and working directory are the new root afterwards. */
#pragma once

#include <stdbool.h>

/* NULL, or the strings (static, NULL-terminated) that say what failed: the root is then the one we were started on.
 * *checked: the root had to be checked, so that nothing of that may run. machine: the command line is ours, not that of
 * the machine in which this is a container. *slot: becomes true where the root is in a slot of a disk. */
const char *const *root_enter(bool machine, bool *checked, bool *slot);
