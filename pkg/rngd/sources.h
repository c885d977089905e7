/* Where rngd has randomness from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOURCE_BYTES = 64 };

/* What was taken from a source, and how much of it counts. */
struct sample {
	uint8_t data[4096];
	size_t len;
	unsigned bits; /* of entropy, as the kernel is told; at most 8 * len */
};

/* Each fills the sample; false: the machine has no such source, or it gives nothing now. */
bool source_rdseed(struct sample *out);
bool source_rdrand(struct sample *out);
/* fd: a random number generator's device, non-blocking; -1: there is none. */
bool source_device(int fd, struct sample *out);
/* What a clock shows between accesses to memory: a machine that has nothing else has this. */
bool source_jitter(struct sample *out);
