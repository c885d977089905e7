/* /dev/disk/by-uuid, by-label, by-partuuid, by-partlabel: links to devices by what is on them, as udev makes them. */
#pragma once

#include "error.h"
#include "probe.h"

/* Makes those of what was found, which is all that there is; `dev` is "/dev". Of two devices with one label the first
 * is meant, unless the link leads to the other one already. Links of which nothing was found go. */
int links_make(const char *dev, const struct probe *found, size_t count, struct error *err);

#define LINKS_DIR "/dev/disk"

/* The same for all devices that there are, in /dev. */
int links_refresh(struct error *err);

/* A label or UUID as a name: everything but letters, digits and "#+-.:=@_" (and UTF-8) is \xNN, as udev has it.
 * Caller frees. */
char *links_encode(const char *value);
