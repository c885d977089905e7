/* Who reads the log: clients of the query socket, and standard output.
 *
 *   ASKED --one byte--> SENDING <--entries come / all is sent--> WAITING      (until the client goes)
 *                          \--dump: all is sent--> closed
 *
 * Nothing is kept for a reader but its place in the ring. One that is so slow that the ring has gone on gets, in the
 * place of what it has missed, an entry of memlogd that says how many there were. */
#pragma once

#include "list.h"
#include "listener.h"
#include "loop.h"
#include "store.h"

struct reader;

struct readers {
	struct loop *loop;
	const struct store *store;
	struct listener listener;
	struct list all;
	unsigned count;
	struct reader *output; /* standard output; NULL: it gets nothing */
};

/* The listening socket is the readers' from here on. output: entries go to standard output, too. */
int readers_start(struct readers *r, int listen_fd, bool output, struct error *err);
/* There are new entries. */
void readers_wake(struct readers *r);
