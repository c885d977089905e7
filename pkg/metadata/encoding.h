/* Base64 and gzip, as metadata comes in them. */
#pragma once

#include <stddef.h>

#include "buf.h"
#include "error.h"

/* RFC 4648, section 4; blanks and line ends between are passed over, padding may be missing. */
int base64_decode(const char *text, size_t n, struct buf *out, struct error *err);

/* RFC 1952; more than max bytes are refused (EFBIG). */
int gzip_unpack(const void *data, size_t n, size_t max, struct buf *out, struct error *err);
