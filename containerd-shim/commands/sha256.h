/* SHA-256 (FIPS 180-4) of what is at hand in memory, for names made from longer ones. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* hex: 64 lower-case digits and a NUL. */
void sha256_hex(const void *data, size_t n, char hex[65]);
