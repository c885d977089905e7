/* Volumes: each directory DIR/NAME has `lower` (the image's content) and `merged` (what containers mount). With
 * `tmp` beside them the volume is writable: an overlay with its upper layer on a tmpfs there, or on a disk. Without it
 * `merged` is a read-only bind of `lower`. */
#pragma once

#include "error.h"

/* Mounts all of them. A volume that fails is named on standard error and the others go on. Returns how many failed;
 * -1 if the directory cannot be read; a missing one is an empty one. */
int volumes_mount(const char *dir, struct error *err);

/* Has the writable ones of DIR keep what is written below the folder `on`, NAME for each, if that is on a disk
 * (upper.h); what was written before is in memory, and not seen any more. Returns as volumes_mount() does. */
int volumes_keep(const char *dir, const char *on, struct error *err);
