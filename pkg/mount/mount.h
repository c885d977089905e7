/* What `mountie` mounts, and how. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "drive.h"
#include "error.h"
#include "probe.h"

/* The device with that label or UUID (the other is NULL). Of several the first, and that is said. It is waited for. */
int find_by(const char *label, const char *uuid, uint64_t wait_us, char path[DRIVE_PATH], struct error *err);

/* The first Linux partition that is not in use, of the first disk that has one. It is waited for. */
int find_first(uint64_t wait_us, char path[DRIVE_PATH], struct error *err);

/* -1 for a partition of a disk that `format` has begun with and not finished: what is stored there would be lost. */
int device_is_finished(const char *path, struct error *err);

/* Looks at the file system, and with `repair` has fsck put it in order where its kind wants that, and says what fsck
 * said. Its type goes to `type`. */
int check(const char *path, bool repair, char type[32], struct error *err);
