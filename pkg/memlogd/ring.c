#include "ring.h"

#include <string.h>

#include "slot.h"

static struct ring_record *record_at(const struct store *s, uint64_t offset)
{
	return (struct ring_record *)(void *)(s->ring + offset % s->head->ring_size);
}

static uint64_t record_size(size_t source_len, size_t msg_len)
{
	return (sizeof(struct ring_record) + source_len + msg_len + 7) & ~UINT64_C(7);
}

static int record_good(const struct store *s, const struct ring_record *r, uint64_t room)
{
	return r->size >= sizeof(*r) && r->size <= room && r->source_len <= STORE_NAME &&
		r->msg_len <= s->head->limits.line_len && r->size == record_size(r->source_len, r->msg_len) &&
		r->nsec < 1000000000;
}

int ring_check(struct store *s)
{
	const struct store_head *h = s->head;
	uint64_t next = h->next, at = h->start;

	if (h->start > h->end || h->end - h->start > h->ring_size || (h->start | h->end) % 8)
		return -1;
	while (at < h->end) {
		const struct ring_record *r = record_at(s, at);

		if (h->end - at < sizeof(*r) || !record_good(s, r, h->end - at) || (at > h->start && r->number != next))
			return -1;
		next = r->number + 1;
		at += r->size;
	}
	s->head->next = next;
	return 0;
}

static void oldest_drop(struct store *s)
{
	store_set(&s->head->start, s->head->start + record_at(s, s->head->start)->size);
}

/* Before anything is written over them the oldest ones are no longer part of it. */
static void room_make(struct store *s, uint64_t size)
{
	const struct store_head *h = s->head;

	while (h->start < h->end &&
	       (h->end - h->start + size > h->ring_size || h->next - record_at(s, h->start)->number >= h->limits.lines))
		oldest_drop(s);
}

void ring_append(struct store *s, const struct memlog_entry *e, int slot, uint64_t state)
{
	struct store_head *h = s->head;
	size_t msg_len = e->msg_len < h->limits.line_len ? e->msg_len : h->limits.line_len;
	size_t source_len = e->source_len < STORE_NAME ? e->source_len : STORE_NAME;
	uint64_t size = record_size(source_len, msg_len), end = h->end + size;
	struct ring_record *r;

	if (slot >= 0) {
		h->intent.slot = (uint32_t)slot;
		h->intent.state = state;
		store_set(&h->intent.end, end);
	}
	room_make(s, size);
	r = record_at(s, h->end);
	*r = (struct ring_record){ .size = (uint32_t)size,
				   .source_len = (uint16_t)source_len,
				   .msg_len = (uint32_t)msg_len,
				   .nsec = (uint32_t)e->time.tv_nsec,
				   .sec = e->time.tv_sec,
				   .number = h->next };
	memcpy(r + 1, e->source, source_len);
	memcpy((char *)(r + 1) + source_len, e->msg, msg_len);
	store_set(&h->end, end);
	h->next++;
	if (slot >= 0) {
		store_set(&slot_at(s, (uint32_t)slot)->state, state);
		store_set(&h->intent.end, 0);
	}
}

struct ring_place ring_first(const struct store *s)
{
	const struct store_head *h = s->head;

	return (struct ring_place){ .offset = h->start,
				    .number = h->start < h->end ? record_at(s, h->start)->number : h->next };
}

struct ring_place ring_last(const struct store *s)
{
	return (struct ring_place){ .offset = s->head->end, .number = s->head->next };
}

struct ring_place ring_find(const struct store *s, uint64_t number)
{
	struct ring_place at = ring_first(s);

	if (number < at.number || number > s->head->next)
		return at;
	while (at.number < number) {
		at.offset += record_at(s, at.offset)->size;
		at.number++;
	}
	return at;
}

int ring_next(const struct store *s, struct ring_place *place, struct memlog_entry *e, uint64_t *missed)
{
	const struct store_head *h = s->head;
	const struct ring_record *r;

	*missed = 0;
	if (place->offset < h->start) {
		struct ring_place first = ring_first(s);

		*missed = first.number - place->number;
		*place = first;
	}
	if (place->offset >= h->end)
		return 0;
	r = record_at(s, place->offset);
	*e = (struct memlog_entry){ .time = { .tv_sec = r->sec, .tv_nsec = (long)r->nsec },
				    .source = (const char *)(r + 1),
				    .source_len = r->source_len,
				    .msg = (const char *)(r + 1) + r->source_len,
				    .msg_len = r->msg_len,
				    .number = r->number };
	place->offset += r->size;
	place->number = r->number + 1;
	return 1;
}
