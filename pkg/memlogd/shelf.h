/* Descriptors that outlive memlogd: those that it reads sources from.
 *
 * They lie as messages in the queue of a socket pair, both ends of which PID 1 (or a keeper) holds. A message is
 * {slot, generation} and has the descriptor with it; the kernel keeps that open. The next memlogd looks at the first
 * message without taking it (MSG_PEEK gives it a descriptor of its own), puts the same at the end, and then takes the
 * first away: killed in between, a message is there twice, and the second one is dropped.
 *
 * A message of a source that has ended stays until the shelf is gone through again (shelf_sort). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

struct shelf {
	int in, out;     /* ends of the pair */
	unsigned dead;   /* messages of sources that have ended */
	unsigned placed; /* all of them */
};

/* A pair for shelf_open(); the caller closes both. */
int shelf_pair(int pair[2], struct error *err);

/* Puts the descriptor there, which stays the caller's too. -1: there is no room. */
int shelf_put(struct shelf *s, uint32_t slot, uint32_t generation, int fd);

/* Asked for each message: whether it stays. The callee may take *fd, which is a new descriptor of the same, and leaves
 * -1 there; it must not close it before shelf_sort() has returned. */
typedef bool shelf_keep_fn(void *data, uint32_t slot, uint32_t generation, int *fd);
/* Goes through all messages once. */
void shelf_sort(struct shelf *s, shelf_keep_fn *keep, void *data);

/* One of them is dead now; true: it is time to sort. */
bool shelf_drop(struct shelf *s);
