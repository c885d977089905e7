/* Loop devices: a file as a block device, for as long as something uses it. */
#pragma once

#include <stdbool.h>

#include "error.h"

enum { LOOPDEV_NAME = 32 };

/* Puts the file behind a free device, whose path goes to `device`. The device is freed by the kernel when its last user
 * is gone: the caller keeps the returned descriptor until it is mounted. -1 on failure. */
int loopdev_attach(const char *file, bool read_only, char device[LOOPDEV_NAME], struct error *err);
/* The same of a file that is open, for reading and writing. */
int loopdev_attach_fd(int image, const char *file, bool read_only, char device[LOOPDEV_NAME], struct error *err);

/* Puts the file behind that device, until somebody takes it away. One that has this very file already is fine. */
int loopdev_set(int image, const char *file, const char *device, struct error *err);
