/* The root that the system runs on. Three cases, told apart by what the kernel started us on:
 *
 *   an initramfs with /rootfs.erofs or /rootfs.squashfs   modules of /early are loaded, the image is mounted read-only
 *                                                         over /, and what else the initramfs held is freed
 *   any other initramfs                                   / is bound over itself, nothing is copied: the root then has
 *                                                         a parent mount, which pivot_root(2) asks for
 *   a file system on a device                             nothing to do
 *
 * In the first two PID 1's root and working directory are the new root afterwards. */
#pragma once

/* NULL, or the strings (static, NULL-terminated) that say what failed: the root is then the one we were started on. */
const char *const *root_enter(void);
