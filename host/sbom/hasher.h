/* SHA-1 and SHA-256 of files, computed beside whoever reads them: a thread of its own takes the bytes, file by file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { SHA1_SIZE = 20, SHA256_SIZE = 32 };

struct hasher;

struct hashes {
	uint8_t sha1[SHA1_SIZE], sha256[SHA256_SIZE];
};

struct hasher *hasher_new(struct error *err);
void hasher_free(struct hasher *h); /* NULL is fine */

/* Bytes of the file that has begun: copied. They wait when the thread is behind by a MiB. */
void hasher_add(struct hasher *h, const void *data, size_t n);
/* That was all of the file; the next bytes are of another one. Returns its number, from 0. */
size_t hasher_end(struct hasher *h);
/* Waits for all that was given, and returns the hashes of all files by their number; valid until the next call. NULL on
 * failure. */
const struct hashes *hasher_results(struct hasher *h, struct error *err);
