/* Joins two stream sockets: bytes both ways, each end of file passed on by itself, until both ways have ended.
 *
 * Bytes move through a pipe by splice(2) where there are many, so that the kernel copies as little as it can, and
 * through a small buffer where there are few. A way that stands still keeps its pipe with what is in it: 64 KiB, of
 * the first RELAY_BIG that there are 256 KiB. One that has nothing to carry has none. Sockets are watched
 * edge-triggered: a way that waits costs nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "list.h"
#include "loop.h"

enum {
	RELAY_POOL = 8, /* empty pipes that are kept */
	RELAY_BIG = 64, /* pipes that hold more */
};

struct relay_pipe {
	int read, write;
	bool big;
};

/* What all relays share; zero-initialise but for the loop. */
struct relays {
	struct loop *loop;
	size_t count;
	void (*ended)(struct relays *all); /* the last one has ended; NULL: nobody wants to know */
	void *data;
	/* private */
	struct list busy; /* relays with more to carry than one turn allows */
	struct loop_timer turn;
	struct relay_pipe pool[RELAY_POOL];
	size_t pooled, big;
};

void relays_init(struct relays *all, struct loop *loop);

/* Both descriptors, non-blocking stream sockets, are the relay's from now on, also when it fails. */
int relay_start(struct relays *all, int a, int b, struct error *err);
