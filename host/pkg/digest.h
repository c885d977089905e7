/* SHA-256 of bytes and files, as lower-case hexadecimal digits. */
#pragma once

#include <stddef.h>

#include "error.h"

#define DIGEST_HEX 65

int digest_bytes(const void *data, size_t n, char hex[static DIGEST_HEX]);
int digest_file(const char *path, char hex[static DIGEST_HEX], struct error *err);
/* Of the bytes of several files, one behind the other; what is no regular file, or cannot be opened, is left out.
 * paths: NULL-terminated, or NULL. */
int digest_joined(char *const *paths, char hex[static DIGEST_HEX], struct error *err);
