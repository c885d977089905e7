/* Encrypted devices by the kernel's device mapper (dm-crypt in plain mode: nothing of it is on the disk).
 *
 * The interface is that of linux/dm-ioctl.h and of the kernel's Documentation/admin-guide/device-mapper/dm-crypt.rst.
 * /dev/mapper/NAME is made as a link to the kernel's node. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "drive.h"
#include "error.h"

/* Maps sectors (of 512 bytes) of the device from its beginning, 0: all. cipher: "aes-cbc-essiv:sha256". The path of the
 * mapping goes to `path`. EBUSY: there is one of that name. Nothing of the key stays in this process's memory. */
int mapper_crypt(const char *name, const char *device, uint64_t sectors, const char *cipher, const uint8_t *key,
		 size_t key_size, char path[DRIVE_PATH], struct error *err);

/* Takes it away; one that is in use is EBUSY, one that is not there ENXIO. */
int mapper_remove(const char *name, struct error *err);
