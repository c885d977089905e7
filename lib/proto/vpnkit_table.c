/* The channels of a mux by their numbers. */
#include <stdlib.h>

#include "vpnkit_channel_private.h"

enum { BUCKETS = 16 }; /* at first */

static size_t bucket_of(const struct vpnkit_mux *m, uint32_t id)
{
	return (id * 2654435761u) >> 8 & (m->bucket_count - 1);
}

struct vpnkit_channel *channel_find(const struct vpnkit_mux *m, uint32_t id)
{
	struct vpnkit_channel *c = m->bucket_count ? m->buckets[bucket_of(m, id)] : NULL;

	while (c && c->id != id)
		c = c->next;
	return c;
}

/* Twice as many buckets, once there are as many channels. */
static int table_grow(struct vpnkit_mux *m)
{
	size_t old = m->bucket_count, i;
	struct vpnkit_channel **from = m->buckets, *c, *next;

	m->buckets = calloc(old ? old * 2 : BUCKETS, sizeof(struct vpnkit_channel *));
	if (!m->buckets) {
		m->buckets = from;
		return -1;
	}
	m->bucket_count = old ? old * 2 : BUCKETS;
	for (i = 0; i < old; i++) {
		for (c = from[i]; c; c = next) {
			struct vpnkit_channel **to = &m->buckets[bucket_of(m, c->id)];

			next = c->next;
			c->next = *to;
			*to = c;
		}
	}
	free(from);
	return 0;
}

struct vpnkit_channel *channel_new(struct vpnkit_mux *m, uint32_t id)
{
	struct vpnkit_channel *c, **bucket;

	if (m->count >= m->bucket_count && table_grow(m) < 0)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->mux = m;
	c->id = id;
	c->window = VPNKIT_WINDOW_FIRST < m->window ? VPNKIT_WINDOW_FIRST : m->window;
	list_init(&c->place);
	bucket = &m->buckets[bucket_of(m, id)];
	c->next = *bucket;
	*bucket = c;
	m->count++;
	m->opened++;
	return c;
}

/* It is out of the table at once; its memory stays until no caller can be in the middle of it. */
void channel_retire(struct vpnkit_channel *c)
{
	struct vpnkit_mux *m = c->mux;
	struct vpnkit_channel **at = &m->buckets[bucket_of(m, c->id)];

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	m->count--;
	if (m->payload == c)
		m->payload = NULL;
	list_remove(&c->place);
	list_append(&m->dead, &c->place);
}

void channels_free_dead(struct vpnkit_mux *m)
{
	while (!list_empty(&m->dead)) {
		struct vpnkit_channel *c = list_entry(m->dead.next, struct vpnkit_channel, place);

		list_remove(&c->place);
		buf_free(&c->kept);
		free(c);
	}
}
