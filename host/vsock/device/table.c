#include "table.h"

#include <errno.h>
#include <stdlib.h>

#include "loop.h"

enum {
	BUCKETS_START = 64,      /* a power of two, as all sizes of the table */
	PORT_FIRST = 0x40000000, /* host ports of connections that the host opens */
	PORT_LAST = 0x7fffffff,
};

/* --- pairs of ports ---------------------------------------------------------------------------------------------- */

static size_t table_bucket(const struct table *t, uint32_t host_port, uint32_t guest_port)
{
	uint64_t key = ((uint64_t)host_port << 32 | guest_port) * 0x9e3779b97f4a7c15ULL;

	return (size_t)(key >> 32) & (t->size - 1);
}

struct table_place *table_find(const struct table *t, uint32_t host_port, uint32_t guest_port)
{
	struct table_place *p = t->buckets[table_bucket(t, host_port, guest_port)];

	while (p && (p->host_port != host_port || p->guest_port != guest_port))
		p = p->next;
	return p;
}

/* Without memory the chains just grow longer. */
static void table_grow(struct table *t)
{
	size_t old_size = t->size, i;
	struct table_place **old = t->buckets, **buckets = calloc(old_size * 2, sizeof(*buckets)), *p, *next;

	if (!buckets)
		return;
	t->buckets = buckets;
	t->size = old_size * 2;
	for (i = 0; i < old_size; i++) {
		for (p = old[i]; p; p = next) {
			size_t b = table_bucket(t, p->host_port, p->guest_port);

			next = p->next;
			p->next = buckets[b];
			buckets[b] = p;
		}
	}
	free(old);
}

void table_insert(struct table *t, struct table_place *p)
{
	size_t b;

	if (t->count >= t->size)
		table_grow(t);
	b = table_bucket(t, p->host_port, p->guest_port);
	p->next = t->buckets[b];
	t->buckets[b] = p;
	p->inserted = true;
	t->count++;
}

struct table_place *table_first(const struct table *t, size_t *at)
{
	while (*at < t->size && !t->buckets[*at])
		(*at)++;
	return *at < t->size ? t->buckets[*at] : NULL;
}

bool table_pick_port(struct table *t, uint32_t guest_port, uint32_t *host_port)
{
	size_t tries;

	for (tries = 0; tries <= t->count; tries++) {
		uint32_t port = t->next_port;

		t->next_port = port == PORT_LAST ? PORT_FIRST : port + 1;
		if (!table_find(t, port, guest_port)) {
			*host_port = port;
			return true;
		}
	}
	return false;
}

/* --- ports of the guest ------------------------------------------------------------------------------------------ */

static size_t port_index(uint32_t guest_port)
{
	return (size_t)(guest_port * 0x9e3779b97f4a7c15ULL >> 54) % TABLE_PORTS;
}

void table_note_taken(struct table *t, struct table_place *p)
{
	struct table_port *port = &t->ports[port_index(p->guest_port)];

	p->taken = true;
	port->taken++;
	port->taken_us = loop_now();
}

bool table_taken(const struct table *t, uint32_t guest_port, uint64_t *when)
{
	const struct table_port *port = &t->ports[port_index(guest_port)];

	*when = port->taken_us;
	return port->taken > 0;
}

void table_forget_taken(struct table *t)
{
	size_t i;

	for (i = 0; i < TABLE_PORTS; i++)
		t->ports[i].taken_us = 0;
}

/* --- the table --------------------------------------------------------------------------------------------------- */

void table_remove(struct table *t, struct table_place *p)
{
	struct table_place **at;

	if (!p->inserted)
		return;
	at = &t->buckets[table_bucket(t, p->host_port, p->guest_port)];
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->inserted = false;
	t->count--;
	if (p->taken)
		t->ports[port_index(p->guest_port)].taken--;
	p->taken = false;
}

int table_init(struct table *t, struct error *err)
{
	t->next_port = PORT_FIRST;
	t->size = BUCKETS_START;
	t->buckets = calloc(t->size, sizeof(struct table_place *));
	return t->buckets ? 0 : error_set(err, ENOMEM, "table of connections");
}

void table_free(struct table *t)
{
	free(t->buckets);
	t->buckets = NULL;
}
