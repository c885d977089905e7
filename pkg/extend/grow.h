/* Makes a file system as large as its partition, by the kernel, which does it in its journal: a power cut at any moment
 * leaves the old size, the new one or one between them, and the same call goes on from there. */
#pragma once

#include "error.h"

/* type: ext4, xfs or btrfs. The device is mounted nowhere. Returns 1 when it grew, 0 when there was nothing to gain. */
int grow(const char *device, const char *type, struct error *err);
