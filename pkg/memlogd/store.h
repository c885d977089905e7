/* What memlogd knows, in memory that outlives it.
 *
 * All state is in one memfd, which PID 1 (or a keeper) holds and gives to each memlogd that it starts. memlogd may be
 * killed between any two instructions: whoever follows finds either the state of before a step or that of after it.
 * The memory has four parts:
 *
 *   head     struct store_head: limits, where the ring begins and ends, and the step that is under way
 *   table    which slots are taken, and by what: 24 bytes each, since looking at a slot itself takes a page of memory
 *   ring     the entries, one after another, the oldest ones overwritten (ring.h). Mapped twice in a row, so that an
 *            entry is never in two pieces
 *   slots    one for each source that is read: its name, and the bytes that are no whole line yet (slot.h)
 *
 * A line moves from a slot into the ring in these stores, in this order:
 *
 *   1. head->intent: which slot, and what its state will be when the ring ends at `end`
 *   2. the entry's bytes behind the ring's end
 *   3. head->end: from here on the entry is there
 *   4. the slot's state: the bytes are taken
 *   5. head->intent.end = 0
 *
 * One who was killed before 3 has done nothing; after 3, store_open() does 4 and 5. So no line is lost, and none is
 * there twice. A single process writes; no lock is needed, only that the compiler keeps the order. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct store_limits {
	uint32_t lines;    /* entries at most */
	uint32_t line_len; /* bytes of a line, the rest is cut off */
	uint64_t bytes;    /* of the ring */
	uint32_t sources;  /* that are read at the same time */
};

enum {
	STORE_LINE_MAX = 65536, /* the longest line_len */
	STORE_SOURCES_MAX = 65536,
	STORE_NAME = 512,
};

struct store_intent {
	uint64_t end;   /* the ring's, when the entry is there; 0: nothing is under way */
	uint64_t state; /* the slot's from then on */
	uint32_t slot;
};

struct store_head {
	uint64_t magic;
	struct store_limits limits;
	uint64_t ring_size, slot_size;
	uint64_t start, end; /* of the ring: bytes since the beginning; byte N is at N % ring_size */
	uint64_t next;       /* number of the entry to come */
	struct store_intent intent;
};

struct store_entry {
	uint32_t live;       /* 1: a source is read */
	uint32_t generation; /* how many times the slot was taken */
	uint64_t dev, ino;   /* which descriptor it is, as fstat(2) says: one is not read twice */
};

struct store {
	struct store_head *head;
	struct store_entry *table;
	uint8_t *ring;  /* ring_size bytes, and once more */
	uint8_t *slots; /* slot_size bytes each */
};

/* A new memfd, of size 0: the first store_open() fills it. The caller closes it. */
int store_memory(struct error *err);
/* Maps it and completes what was under way. One that is new, of other limits, or broken is begun anew; *fresh says so.
 * The memory stays mapped until the program ends. */
int store_open(struct store *s, int fd, const struct store_limits *limits, int *fresh, struct error *err);

/* Stores that a kill may come between. */
static inline void store_set(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_SEQ_CST);
}
