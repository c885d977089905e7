/* The root that the system runs on. Four cases, told apart by what the kernel started us on:
 *
 *   an initramfs with /rootfs.erofs or /rootfs.squashfs   modules of /early are loaded, the image is mounted read-only
 *                                                         over /, and what else the initramfs held is freed
 *   an initramfs with /rootfs.slot                        modules of /early are loaded, and the root that it names is
 *                                                         found on a disk (slot.h) and mounted in the same way
 *   any other initramfs                                   / is bound over itself, nothing is copied: the root then has
 *                                                         a parent mount, which pivot_root(2) asks for
 *   a file system on a device                             nothing to do
 *
 * In the first three PID 1's root and working directory are the new root afterwards. */
#pragma once

#include <stdbool.h>

/* slot: becomes true where the root is in a slot of a disk. NULL, or the strings (static, NULL-terminated) that say
 * what failed: the root is then the one we were started on. */
const char *const *root_enter(bool *slot);
