/* Events on their way to containerd, in order: over its ttrpc socket, or, where that is not known, by its own program
 * (`containerd publish`). One at a time, since the receiver handles calls side by side. What cannot be delivered waits
 * and is tried again, also across restarts of containerd, within bounds.
 *
 *     publish() -> the queue
 *         idle --(the queue has a first one)--> sent --(accepted)------------------> delivered: the next one, or idle
 *                                                 |--(refused, five times)---------> given up: likewise
 *                                                 +--(nobody there, no answer)-----> waiting --(50 ms to 2 s)--> sent
 * again
 *
 * Where nobody has ever listened, or not for long, no time is waited but for something new in the socket's directory: a
 * shim whose containerd is started when somebody asks for it does not wake up until then.
 *
 * `timer` bounds the answer while one is sent, and is the pause while one waits. publisher_on_idle() tells when the
 * queue has run empty. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "list.h"
#include "loop.h"
#include "reaper.h"
#include "ttrpc.h"

struct publisher;
typedef void publisher_idle_fn(void *data);

struct publisher {
	/* set before publisher_start(); strings have to stay */
	const char *namespace;
	const char *ttrpc_address; /* path of the socket, perhaps as unix://; NULL or "": none */
	const char *grpc_address;  /* for the program */
	const char *binary;        /* NULL or "": none */
	/* private */
	struct loop *loop;
	struct reaper *reaper;
	struct list queue;
	size_t count;
	struct loop_io io;
	struct buf in, out;
	struct ttrpc_reader reader;
	uint32_t stream;
	bool sent; /* the first of the queue */
	unsigned refused;
	bool met;                /* a connection was made once */
	bool missing;            /* none was, and at the last try there was no socket at all */
	struct loop_io place;    /* inotify: something new beside the socket */
	uint64_t delay;          /* before the last try; 0: none has failed */
	struct loop_timer timer; /* for an answer, or until the next try */
	struct exit_watch child;
	publisher_idle_fn *idle;
	void *idle_data;
};

void publisher_start(struct publisher *p, struct loop *loop, struct reaper *reaper);
void publisher_stop(struct publisher *p);

/* Never fails: an event that there is no memory for is lost, and said so in the log. */
void publish(struct publisher *p, const char *topic, const ProtobufCMessage *event);

/* Nothing is left to be delivered, or nobody to whom: there is no socket, and no time to wait for one. */
bool publisher_is_idle(const struct publisher *p);
/* Each time that the last event is delivered or given up; not called when there was none. */
void publisher_on_idle(struct publisher *p, publisher_idle_fn *fn, void *data);
