/* The logs of one service as their files stand, and what comes after: each piece once, in the order in which it was
 * written, whatever happens to the files meanwhile.
 *
 *   log_follow_begin()   reads the files and the records; the caller shows them (order_pieces_make())
 *   log_follow_shown()   says up to where it has
 *   log_follow_take()    hands out what has come since; called again when something in the directory has changed
 *
 * A file is turned, removed or emptied at any moment, and a record may be read long after that. So a piece is read in
 * three steps: the records that are there say where its file is now (order_fate_find()), it is opened and read, and the
 * records are asked once more. The supervisor marks a new file before it writes to it. When the answer is the same, the
 * bytes are those of the piece; when it is another one, the piece is looked for again. A file that is open is good
 * until the stream's next mark, also without a name. Bytes that are lost are left out. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"
#include "order.h"

/* Gets a piece. -1 with err set ends log_follow_take(). */
typedef int log_follow_fn(void *data, int stream, uint64_t time, const char *text, size_t n, struct error *err);

struct log_follow {
	/* The caller's, who keeps them. */
	const char *dir, *order; /* NAME.order */
	const char *file[2];     /* [1]: of standard output */
	log_follow_fn *fn;
	void *data;

	/* private */
	int fd[2], order_fd;       /* -1: none */
	uint64_t at[2];            /* where in its file the stream's next piece begins */
	off_t order_at;            /* up to where the records were read */
	struct order_record *list; /* those that were read and not shown */
	size_t count, cap, next;
};

/* What is there. Both are freed by log_past_clear(). */
struct log_past {
	struct buf text[2][2]; /* stream, age */
	struct buf order;      /* whole records of both order files */
};

/* Reads everything, all of one moment. A file that cannot be read is empty, and *bad says why. -1: none of the two
 * streams has a file, code ENOENT. To be closed in any case. */
int log_follow_begin(struct log_follow *f, struct log_past *past, struct error *bad, struct error *err);
void log_follow_shown(struct log_follow *f, const struct order_pieces *pieces);
int log_follow_take(struct log_follow *f, struct error *err);
void log_follow_close(struct log_follow *f);

void log_past_clear(struct log_past *p);
