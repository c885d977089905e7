/* The processor's instructions, a device, and the clock.
 *
 * What counts how much: a generator's output its full size, as LinuxKit's rngd has it, RDRAND half of that, since it
 * stretches what it has seeded itself with. Of the clock's differences 64 count one bit, and none where they repeat:
 * that is far below what is measured on machines with and without virtualisation, emulated ones included. */
#include "sources.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

/* --- the processor ----------------------------------------------------------------------------------- */

#ifdef __x86_64__

/* Instructions may have nothing for a moment. */
enum { TRIES = 64 };

static void sample_add(struct sample *out, uint64_t value)
{
	memcpy(out->data + out->len, &value, sizeof(value));
	out->len += sizeof(value);
}

__attribute__((target("rdseed"))) bool source_rdseed(struct sample *out)
{
	unsigned a, b, c, d;
	unsigned long long value;

	*out = (struct sample){ .len = 0 };
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_RDSEED))
		return false;
	for (int i = 0; i < TRIES && out->len < SOURCE_BYTES; i++)
		if (_rdseed64_step(&value))
			sample_add(out, value);
	out->bits = (unsigned)out->len * 8;
	return out->len > 0;
}

__attribute__((target("rdrnd"))) bool source_rdrand(struct sample *out)
{
	unsigned a, b, c, d;
	unsigned long long value;

	*out = (struct sample){ .len = 0 };
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_RDRND))
		return false;
	for (int i = 0; i < TRIES && out->len < SOURCE_BYTES; i++)
		if (_rdrand64_step(&value))
			sample_add(out, value);
	out->bits = (unsigned)out->len * 4;
	return out->len > 0;
}

#else

bool source_rdseed(struct sample *out)
{
	*out = (struct sample){ .len = 0 };
	return false;
}

bool source_rdrand(struct sample *out)
{
	*out = (struct sample){ .len = 0 };
	return false;
}

#endif

/* --- a device ----------------------------------------------------------------------------------------- */

bool source_device(int fd, struct sample *out)
{
	ssize_t n = fd < 0 ? -1 : read(fd, out->data, SOURCE_BYTES);

	out->len = n > 0 ? (size_t)n : 0;
	out->bits = (unsigned)out->len * 8;
	return n > 0;
}

/* --- the clock ---------------------------------------------------------------------------------------- */

static uint64_t clock_ticks(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

bool source_jitter(struct sample *out)
{
	static volatile uint8_t memory[65536];
	uint64_t last = clock_ticks(), before = 0, at = last;
	unsigned varied = 0;

	*out = (struct sample){ .len = 0 };
	/* 16 measurements are folded into each byte: 65536 in all */
	while (out->len < sizeof(out->data)) {
		uint8_t byte = 0;

		for (int i = 0; i < 16; i++) {
			uint64_t now, difference;

			for (int j = 0; j < 16; j++) {
				at = at * 6364136223846793005u + 1442695040888963407u;
				memory[at >> 48]++;
			}
			now = clock_ticks();
			difference = now - last;
			varied += difference != before;
			byte = (uint8_t)((byte << 1 | byte >> 7) ^ difference);
			before = difference;
			last = now;
			at ^= now;
		}
		out->data[out->len++] = byte;
	}
	out->bits = varied / 64;
	return out->bits > 0;
}
