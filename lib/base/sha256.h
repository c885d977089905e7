/* SHA-256 (FIPS 180-4): of what is at hand in memory, or comes piece by piece. Programs of the host that digest whole
 * images have libcrypto's, which uses the processor's instructions. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 65 }; /* 64 lower-case digits and a NUL */

struct sha256 {
	/* private */
	uint32_t state[8];
	uint64_t n;
	uint8_t block[64];
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
/* Of all bytes that were added. */
void sha256_end(struct sha256 *s, char hex[SHA256_HEX]);

void sha256_hex(const void *data, size_t n, char hex[SHA256_HEX]);
