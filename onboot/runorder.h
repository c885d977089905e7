/* In which order a run-once container's two streams were written, and when: a file KIND.NAME.order beside its two logs,
 * with the records that services/log/order.h describes.
 *
 *     runorder_open()   makes the file
 *     runorder_add()    for each piece that came, in this order; the time is now
 *     runorder_end()    when both logs have ended (runlog_end())
 *
 * A piece that is not in its log's head is in the file only when the log has ended, and then perhaps not: where it
 * stands is known no sooner. So its record waits in memory, and with it all that come later, of either stream, since
 * a reader goes by the order of the records.
 *
 * The file is bounded: RUNORDER_FIRST records as they come, and the last RUNORDER_LAST of those that waited. A piece
 * without a record has no time, and is shown before the next one of its stream. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "runlog.h"

enum {
	RUNORDER_FIRST = 4096,
	RUNORDER_LAST = 2048,
};

struct runorder {
	int fd;             /* -1: none; nothing is recorded then */
	unsigned count;     /* records in the file */
	struct buf waiting; /* those that wait */
};

#define RUNORDER_INIT    \
	{                \
		.fd = -1 \
	}

/* A piece of a stream. */
struct runorder_piece {
	bool out;      /* of standard output */
	bool head;     /* in the log's head */
	uint64_t from; /* where in the stream it begins */
	size_t n;
};

/* dir: a descriptor of the logs' directory. */
int runorder_open(struct runorder *o, int dir, const char *name, struct error *err);
/* What cannot be written leaves a piece without time. */
void runorder_add(struct runorder *o, const struct runorder_piece *piece);
void runorder_end(struct runorder *o, const struct runlog *out, const struct runlog *err);
void runorder_clear(struct runorder *o);
