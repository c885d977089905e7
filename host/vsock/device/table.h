/* Which connection has a pair of ports: a hash table of places, each inside the connection that it finds. Beside it
 * stands what the device has seen of the guest's ports: how many connections the guest holds that it took there, and
 * when it took the last. That tells a full backlog of the guest from a port without a listener. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { TABLE_PORTS = 1024 };

/* Part of a connection. Fill the ports first; inserted and taken are the table's. */
struct table_place {
	uint32_t host_port, guest_port;
	/* private */
	struct table_place *next; /* in the bucket's chain */
	bool inserted;
	bool taken; /* the guest took this connection: it counts for its port */
};

/* What is known of guest ports; a few ports by the same hash share one. */
struct table_port {
	uint32_t taken;    /* connections that the guest took and that are in the table */
	uint64_t taken_us; /* when the guest took the last; 0: never */
};

struct table {
	size_t count; /* connections in it */
	/* private */
	struct table_place **buckets;
	size_t size; /* buckets */
	uint32_t next_port;
	struct table_port ports[TABLE_PORTS];
};

int table_init(struct table *t, struct error *err);
/* It must be empty. Legal on one that was never initialised. */
void table_free(struct table *t);

/* NULL: no connection has this pair. */
struct table_place *table_find(const struct table *t, uint32_t host_port, uint32_t guest_port);
void table_insert(struct table *t, struct table_place *p);
/* Legal on one that is not in it. */
void table_remove(struct table *t, struct table_place *p);
/* Any of those in it; NULL: it is empty. The time is linear in the size of the table, so that emptying one with *at
 * kept between the calls (0 before the first) is linear, too. */
struct table_place *table_first(const struct table *t, size_t *at);
/* A host port of the range for the host's own connections that no pair with this guest port has. False: all are taken.
 * The guest's connections may come to any port. */
bool table_pick_port(struct table *t, uint32_t guest_port, uint32_t *host_port);

/* The guest took this connection, which is in the table. */
void table_note_taken(struct table *t, struct table_place *p);
/* Whether the guest holds connections that it took on that port; *when: it took the last one, 0: it never took one. */
bool table_taken(const struct table *t, uint32_t guest_port, uint64_t *when);
/* Another guest: when the last one took connections says nothing about this one. */
void table_forget_taken(struct table *t);
