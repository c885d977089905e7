/* The disk or partition on which a verified root lies: the one that has its superblock where it has to be. No name and
 * no identity of a partition is trusted, and none is needed: whatever else lies there does not have the root's digest.
 */
#pragma once

#include "image.h"
#include "verity.h"

/* Looks at every block device, and again whenever the kernel says that there is another one, for half a minute at most.
 * NULL: *device is one, and its superblock is whole; else why not. devices_enter() came before. */
const char *const *finder_find(const struct verity *v, char device[static DEVICE_PATH]);
