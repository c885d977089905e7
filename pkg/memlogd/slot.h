/* A source while it is read: its name, and the bytes that came and are no whole line yet. Part of a store.
 *
 *   FREE --slot_take--> LIVE --slot_end--> FREE
 *
 * The slot's whole state is one word, so that it changes in one store:
 *
 *   bytes [0, taken)        are in the ring
 *   bytes [taken, filled)   are the beginning of a line, or lines
 *   bytes [filled, room)    are zero, unless DIRTY
 *   SKIP                    a line that was too long has been cut: all up to its end is dropped
 *
 * That what is free is zero tells the next memlogd how much read(2) put there before the last one was killed:
 * everything up to the last byte that is not zero. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "store.h"

struct slot {
	uint64_t state;
	uint32_t own; /* the descriptor on the shelf is one that nobody else has (sources.h) */
	uint32_t name_len;
	char name[STORE_NAME];
	uint8_t bytes[];
};

#define SLOT_SKIP  (UINT64_C(1) << 40)
#define SLOT_DIRTY (UINT64_C(1) << 41)

static inline uint32_t slot_taken(uint64_t state)
{
	return state & 0xfffff;
}
static inline uint32_t slot_filled(uint64_t state)
{
	return state >> 20 & 0xfffff;
}
static inline struct slot *slot_at(const struct store *s, uint32_t n)
{
	return (struct slot *)(void *)(s->slots + n * s->head->slot_size);
}

/* Bytes of a slot for these limits. */
size_t slot_size(const struct store_limits *limits);
/* Of a live one: whether its words are possible; then counts what was read and not counted. */
int slot_check(struct store *s, uint32_t n);

/* A free slot gets the name, whose control characters become "?". Its number, or -1: none is free. */
int slot_take(struct store *s, const char *name, size_t n, dev_t dev, ino_t ino, bool own);
/* What is left becomes a line, and the slot is free. */
void slot_end(struct store *s, uint32_t n);

/* Where read(2) may put bytes, how many (never 0); then slot_filled_add() says how many came, and makes whole lines of
 * them entries. */
uint8_t *slot_room(struct store *s, uint32_t n, size_t *room);
void slot_filled_add(struct store *s, uint32_t n, size_t count);
