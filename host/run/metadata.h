/* The metadata image of a machine: an ISO 9660 file system with the one file "config", where LinuxKit's metadata
 * package looks for it. */
#pragma once

#include <stddef.h>

#include "error.h"

/* Writes the image in one step; the same data gives the same bytes. */
int metadata_write(const char *path, const void *data, size_t n, struct error *err);
