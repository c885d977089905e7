/* Base64 (RFC 4648, section 4): with padding, one line. */
#pragma once

#include "buf.h"

/* -1 without memory. */
int base64_encode(const void *bytes, size_t n, struct buf *out);
/* Padding may lack, as some writers leave it out; anything else than the alphabet is an error. -1 with errno EINVAL or
 * ENOMEM. */
int base64_decode(const char *text, size_t n, struct buf *out);
