/* /dev/disk/by-uuid, by-label, by-partuuid, by-partlabel: links to devices by what is on them, as udev makes them. */
#pragma once

#include "error.h"
#include "probe.h"

/* Makes those of what was found; `dev` is "/dev". A name that leads to a device that is still there stays: of two disks
 * with one label the first is meant. */
int links_make(const char *dev, const struct probe *found, size_t count, struct error *err);

/* A label or UUID as a name: everything but letters, digits and "#+-.:=@_" (and UTF-8) is \xNN, as udev has it.
 * Caller frees. */
char *links_encode(const char *value);
