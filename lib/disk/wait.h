/* Waiting for devices, which may come late: what has found none looks again whenever one has come. */
#pragma once

#include <stdint.h>

#include "drive.h"
#include "error.h"

/* Calls find at once, and again when devices have come, until it returns something else than 0 or the time is up.
 * DRIVES_SETTLE from find says: this will do, unless a better one is about to come; it is asked again until for one
 * second no device has come. Returns what find returned last. */
enum { DRIVES_SETTLE = 2 };
int drives_wait(int (*find)(void *data, struct error *err), void *data, uint64_t timeout_us, struct error *err);

/* Waits until there is a block device at the path, at most so long. 0, or -1 (ENOENT, ENOTBLK). */
int device_wait(const char *path, uint64_t timeout_us, struct error *err);

/* The same for a name that a YAML has. Where there is none called /dev/sdX after the first second, one called /dev/vdX
 * is taken: LinuxKit's machines of QEMU have SCSI disks, pith's have virtio's. The path of the device that is there
 * goes to `found`, which is not the memory of `path`: where they differ, nobody has named what was found. A name below
 * /dev/disk is looked for on the devices themselves (links.h): nobody else makes these links. */
int drive_wait(const char *path, uint64_t timeout_us, char found[DRIVE_PATH], struct error *err);
