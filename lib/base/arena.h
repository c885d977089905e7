/* Memory that is freed all at once: for trees of small things that live and die together.
 * Zero-initialised is empty and valid. What is handed out is zeroed and aligned for any type. */
#pragma once

#include <stddef.h>

#include "cleanup.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	size_t used;  /* of the first chunk */
	size_t total; /* bytes handed out so far */
};

#define _cleanup_arena_ _cleanup_(arena_free)

/* NULL without memory. n may be 0. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of n bytes with a NUL behind them. */
char *arena_copy(struct arena *a, const void *data, size_t n);
void arena_free(struct arena *a);
