/* A daemon in two processes, for one that reads what others write and starts programs for it. Its reader gives up
 * whatever reading does not need; its actor keeps the rights of the programs that it starts, and learns nothing but one
 * word at a time, which it has to check.
 *
 *   split_begin --+-- reader: 0; split_say(), and its exit status is the daemon's
 *                 +-- actor: split_watch(), then heard() for each word, at last ended()
 *
 * When one of them is killed the other one ends. Each makes its event loop behind the fork, for signals as well. */
#pragma once

#include <stdint.h>

#include "loop.h"

struct split {
	void (*heard)(void *data, uint32_t word);
	/* The reader has ended; every word of it has been heard. status: exit status, or 128 + signal. */
	void (*ended)(void *data, int status);
	void *data;
	/* private */
	struct loop_io io; /* the socket */
	struct loop_child reader;
	pid_t pid;
};

/* 0 in the reader, 1 in the actor, -1. name: of the reader's process, at most 15 bytes. */
int split_begin(struct split *s, const char *name, struct error *err);

/* In the actor. */
int split_watch(struct split *s, struct loop *loop, struct error *err);

/* In the reader, also once it is confined. Never blocks: EAGAIN where the actor has not heard hundreds of words. */
int split_say(const struct split *s, uint32_t word, struct error *err);
