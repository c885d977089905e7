/* How long to wait before what failed is tried again: pauses that double, in microseconds. A header alone, since PID 1
 * links nothing of lib/. */
#pragma once

#include <stdint.h>

struct backoff {
	uint64_t first, most;
	uint64_t healthy; /* what ran for so long begins anew with the first pause */
};

/* Of the programs that are started again whenever they end. */
static const struct backoff backoff_restart = {
	.first = 100 * 1000,
	.most = 30 * 1000 * 1000,
	.healthy = 10 * 1000 * 1000,
};

/* The next pause after this one, 0: none yet. */
static inline uint64_t backoff_next(const struct backoff *b, uint64_t last)
{
	if (last == 0)
		return b->first;
	return last < b->most / 2 ? last * 2 : b->most;
}

/* The same for what ran in between. */
static inline uint64_t backoff_after(const struct backoff *b, uint64_t last, uint64_t ran)
{
	return backoff_next(b, ran >= b->healthy ? 0 : last);
}
