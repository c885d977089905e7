/* The smallest ISO 9660 image: one file in the root directory.
 * ECMA-119 for the image; the file's own name and mode as Rock Ridge (IEEE P1282) entries, without which readers see
 * names in capitals. */
#pragma once

#include "buf.h"
#include "error.h"

/* Lower-case letters only, as long as an ISO 9660 name can be. */
#define ISO9660_NAME_MAX 8

/* Appends the image to an empty buffer: the file `name` with n bytes of data. No time of day is in it. */
int iso9660_make(const char *volume, const char *name, const void *data, size_t n, struct buf *image,
		 struct error *err);
