/* Block devices: which there are, in which order, what their partitions are called, and opening them.
 *
 * Devices are those of sysfs, in the order in which people count them: sdb before sdaa, nvme0n9 before nvme0n10. `sys`
 * is "/sys", another folder in tests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* Room for the name of a device, and for its path. */
enum { DRIVE_NAME = 64, DRIVE_PATH = 80 };

/* Names of whole disks that may be taken for data without anybody's naming them: not those that are read-only, empty
 * of medium, part of something else (RAID, LVM: they have holders), or made of something else (loop, ram, zram, nbd,
 * device mapper, CDs, floppies, the boot areas of eMMC). NULL: error. The caller frees (strv_free). */
char **drives_find(const char *sys, struct error *err);

/* Names of all block devices with a medium, partitions included, but for ram, zram and floppies. */
char **devices_find(const char *sys, struct error *err);

/* strcmp() for names of devices. */
int device_compare(const char *a, const char *b);

/* "vda" and 1 are vda1; nvme0n9, mmcblk0, md0, loop0 and dm-0 have a "p" between. */
void partition_name(char out[DRIVE_NAME], const char *drive, unsigned number);

/* The name in sysfs of the device that is behind a path, links followed. */
int device_name(const char *sys, const char *path, char out[DRIVE_NAME], struct error *err);

/* The name of the disk that a partition is of. -1: it is no partition. */
int partition_drive(const char *sys, const char *name, char out[DRIVE_NAME]);

/* Opens a block device for reading, or for writing with nobody else's using it: no file system of it or of its
 * partitions is mounted, and it is part of nothing. -1: the reason says what to do. */
int drive_open(const char *path, bool write, struct error *err);

/* Tells the kernel of a partition of the disk that is open: a new one in the place of all that it knew, or where the
 * one of that number ends now. Starts and lengths are bytes. The device's node is there when it returns. */
int partition_tell(int fd, unsigned number, uint64_t start, uint64_t length, struct error *err);
int partition_resized(int fd, unsigned number, uint64_t start, uint64_t length, struct error *err);
