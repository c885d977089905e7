/* A root that is in a slot of a disk, one of two (pith build --ab): the initramfs names it by the UUID of its erofs
 * file system, which is made of the content. The kernel that brings the initramfs so finds the root that it was built
 * with, or none: whatever the disk is called, and whichever slot it is in. */
#pragma once

#include <stdint.h>

#define SLOT_FILE "/rootfs.slot" /* the UUID as text, and nothing else but a newline */

enum { SLOT_DEVICE = 64, SLOT_BLOCK = 128 };

/* The path of the device in /dev, which has to be a devtmpfs; waits for it, half a minute at most. 0, or -1 with errno:
 * ENODEV where no disk has it, EINVAL where the file names none. */
int slot_find(const char *file, char device[SLOT_DEVICE]);

/* Whether the bytes from 1024 on are the superblock of an erofs with this UUID. */
int slot_block_is(const uint8_t block[SLOT_BLOCK], const uint8_t uuid[16]);
