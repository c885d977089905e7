/* The metadata image of a machine: an ISO 9660 file system with the one file "config", where LinuxKit's metadata
 * package looks for it. */
#pragma once

#include <stddef.h>

#include "buf.h"
#include "error.h"

/* Appends the image; the same data gives the same bytes. */
int metadata_image(const void *data, size_t n, struct buf *out, struct error *err);
