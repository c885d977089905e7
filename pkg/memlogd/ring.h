/* The entries that memlogd keeps, oldest first, in a store's ring.
 *
 * An entry that does not fit, by bytes or by the number of lines, pushes out the oldest ones. A reader remembers where
 * it is (struct ring_place) and reads at its own pace, without anything kept for it; where it was overtaken it is told
 * how many entries it has missed. */
#pragma once

#include <stdint.h>
#include <time.h>

#include "memlog.h"
#include "store.h"

struct ring_record {
	uint32_t size; /* whole, a multiple of 8 */
	uint16_t source_len;
	uint16_t zero;
	uint32_t msg_len;
	uint32_t nsec;
	int64_t sec;
	uint64_t number;
};

/* Whether start and end and all that lies between them are as they should be; sets head->next. */
int ring_check(struct store *s);

/* An entry of the source in `slot` becomes part of the ring, and `state` that slot's (store.h). slot < 0: of none. */
void ring_append(struct store *s, const struct memlog_entry *e, int slot, uint64_t state);

struct ring_place {
	uint64_t offset, number;
};

/* The oldest entry, and behind the newest. */
struct ring_place ring_first(const struct store *s);
struct ring_place ring_last(const struct store *s);

/* Where the entry of that number is; the oldest where it is gone, or was never there. */
struct ring_place ring_find(const struct store *s, uint64_t number);

/* The entry at `place`, which moves behind it; its texts are good until the next append. *missed is how many were
 * pushed out before it. 1, or 0 at the end. */
int ring_next(const struct store *s, struct ring_place *place, struct memlog_entry *e, uint64_t *missed);
