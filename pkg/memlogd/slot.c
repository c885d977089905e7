#include "slot.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "ring.h"

/* Two of the longest lines and their ends: what is left of a line then always has room to be moved to the front. */
static uint32_t room_all(const struct store *s)
{
	return (uint32_t)(s->head->slot_size - sizeof(struct slot));
}

size_t slot_size(const struct store_limits *limits)
{
	size_t room = 2 * (size_t)limits->line_len + 16;

	return (sizeof(struct slot) + room + 4095) & ~(size_t)4095;
}

static uint64_t state_of(uint32_t taken, uint32_t filled, uint64_t flags)
{
	return (uint64_t)filled << 20 | taken | flags;
}

/* What was taken makes room. Nothing that is still wanted is written over: at most half of the room is. */
static void slot_compact(struct slot *slot)
{
	uint32_t taken = slot_taken(slot->state), filled = slot_filled(slot->state), left = filled - taken;
	uint64_t skip = slot->state & SLOT_SKIP;

	if (left > taken)
		return;
	memcpy(slot->bytes, slot->bytes + taken, left);
	store_set(&slot->state, state_of(0, left, skip | SLOT_DIRTY));
	memset(slot->bytes + left, 0, filled - left);
	store_set(&slot->state, state_of(0, left, skip));
}

static void slot_say(struct store *s, uint32_t n, uint32_t from, uint32_t to, uint64_t state)
{
	struct slot *slot = slot_at(s, n);
	struct memlog_entry e = { .source = slot->name,
				  .source_len = slot->name_len,
				  .msg = (char *)slot->bytes + from };

	if (to > from && slot->bytes[to - 1] == '\r')
		to--;
	for (uint32_t i = from; i < to; i++)
		if (slot->bytes[i] == '\0')
			slot->bytes[i] = '?';
	e.msg_len = to - from;
	clock_gettime(CLOCK_REALTIME, &e.time);
	ring_append(s, &e, (int)n, state);
}

/* One line, or the beginning of one that is too long. False: there is no whole one. */
static bool line_take(struct store *s, uint32_t n)
{
	struct slot *slot = slot_at(s, n);
	uint64_t skip = slot->state & SLOT_SKIP;
	uint32_t taken = slot_taken(slot->state), filled = slot_filled(slot->state), limit = s->head->limits.line_len;
	uint8_t *end = memchr(slot->bytes + taken, '\n', filled - taken);
	uint32_t stop = end ? (uint32_t)(end - slot->bytes) : filled;

	if (skip) {
		store_set(&slot->state, state_of(end ? stop + 1 : filled, filled, end ? 0 : SLOT_SKIP));
		return end != NULL;
	}
	if (end)
		slot_say(s, n, taken, stop, state_of(stop + 1, filled, 0));
	else if (stop - taken > limit)
		slot_say(s, n, taken, taken + limit, state_of(filled, filled, SLOT_SKIP));
	else
		return false;
	return true;
}

static void lines_take(struct store *s, uint32_t n)
{
	struct slot *slot = slot_at(s, n);

	while (slot_taken(slot->state) < slot_filled(slot->state) && line_take(s, n))
		;
	slot_compact(slot);
}

uint8_t *slot_room(struct store *s, uint32_t n, size_t *room)
{
	struct slot *slot = slot_at(s, n);

	*room = room_all(s) - slot_filled(slot->state);
	return slot->bytes + slot_filled(slot->state);
}

void slot_filled_add(struct store *s, uint32_t n, size_t count)
{
	struct slot *slot = slot_at(s, n);

	store_set(&slot->state, slot->state + ((uint64_t)count << 20));
	lines_take(s, n);
}

int slot_check(struct store *s, uint32_t n)
{
	struct slot *slot = slot_at(s, n);
	uint32_t room = room_all(s), taken = slot_taken(slot->state), filled = slot_filled(slot->state);

	if (s->table[n].live != 1 || slot->name_len > STORE_NAME || taken > filled || filled > room ||
	    slot->state & ~state_of(0xfffff, 0xfffff, SLOT_SKIP | SLOT_DIRTY))
		return -1;
	if (slot->state & SLOT_DIRTY) {
		memset(slot->bytes + filled, 0, room - filled);
		store_set(&slot->state, slot->state & ~SLOT_DIRTY);
	}
	while (room > filled && slot->bytes[room - 1] == 0)
		room--;
	slot_filled_add(s, n, room - filled);
	return 0;
}

int slot_take(struct store *s, const char *name, size_t n, dev_t dev, ino_t ino, bool own)
{
	uint32_t i = 0;
	struct slot *slot;

	while (i < s->head->limits.sources && s->table[i].live)
		i++;
	if (i == s->head->limits.sources)
		return -1;
	slot = slot_at(s, i);
	s->table[i] = (struct store_entry){ .generation = s->table[i].generation + 1, .dev = dev, .ino = ino };
	slot->own = own;
	slot->name_len = (uint32_t)(n < STORE_NAME ? n : STORE_NAME);
	for (uint32_t c = 0; c < slot->name_len; c++)
		slot->name[c] = (unsigned char)name[c] < ' ' || name[c] == 0x7f ? '?' : name[c];
	memset(slot->bytes, 0, room_all(s)); /* of before: one who was killed while it ended */
	store_set(&slot->state, 0);
	__atomic_store_n(&s->table[i].live, 1, __ATOMIC_SEQ_CST);
	return (int)i;
}

void slot_end(struct store *s, uint32_t n)
{
	struct slot *slot = slot_at(s, n);
	uint32_t taken = slot_taken(slot->state), filled = slot_filled(slot->state);

	if (taken < filled && !(slot->state & SLOT_SKIP)) {
		uint32_t left = filled - taken, limit = s->head->limits.line_len;

		slot_say(s, n, taken, taken + (left < limit ? left : limit), state_of(filled, filled, 0));
	}
	__atomic_store_n(&s->table[n].live, 0, __ATOMIC_SEQ_CST);
	madvise(slot, s->head->slot_size, MADV_REMOVE); /* its memory, until the slot is taken again */
}
