/* In which order a service's two streams were written, and when: a file NAME.order beside NAME.log and NAME.out.log,
 * which stay what they are. It has a record for each piece that was written to one of them:
 *
 *   8 bytes  time: microseconds since 1970, CLOCK_REALTIME
 *   4 bytes  where in the stream's file the piece begins
 *   4 bytes  its length in the low 29 bits; ORDER_OUT: it is of standard output; ORDER_TURNED: its file is a new one,
 * and the one before is FILE.1 now; ORDER_ANEW: the same, and the one before is lost
 *
 * all in the machine's byte order, since nobody else reads it. Records are appended, never changed, so that a reader
 * can follow. A file of ORDER_FILE_MAX bytes is kept as NAME.order.1 and a new one begun. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { ORDER_FILE_MAX = 256 * 1024 };

struct order_record {
	uint64_t time;
	uint32_t offset;
	uint32_t length; /* with the bits below */
};

#define ORDER_OUT    (UINT32_C(1) << 31)
#define ORDER_TURNED (UINT32_C(1) << 30)
#define ORDER_ANEW   (UINT32_C(1) << 29)
#define ORDER_LENGTH (ORDER_ANEW - 1)

/* Whether the piece is of standard output (1) or standard error (0). */
static inline int order_stream(const struct order_record *r)
{
	return (r->length & ORDER_OUT) != 0;
}

/* --- writing: the supervisor's side ------------------------------------------------------------------------------ */

struct order {
	char *file; /* NAME.order; NULL: not open */
	int fd;     /* -1: it is opened with the next piece */
};

/* dir NULL: the file is opened with the first piece, if one comes. */
int order_open(struct order *o, const char *dir, const char *name, struct error *err);
void order_close(struct order *o);
/* What cannot be written leaves a piece without time. */
void order_add(struct order *o, const char *dir, uint64_t offset, size_t n, uint32_t bits);

/* --- reading: the `service` command's side ----------------------------------------------------------------------- */

/* A piece of one of the four files, to be shown in this order. */
struct order_piece {
	uint64_t time; /* 0: not known */
	uint32_t from, to;
	uint8_t stream; /* 1: standard output */
	uint8_t age;    /* 1: of FILE.1 */
};

struct order_pieces {
	struct order_piece *list;
	size_t count, cap;
};

/* Puts the bytes of four files in order. size[stream][age]: their sizes; records: of both order files, the older one's
 * first. What no record speaks of is there, too, without time: before the next piece of its file, or at its end (which
 * a reader that follows gets by later records: not with `ends` false). -1 without memory. */
int order_pieces_make(struct order_pieces *out, const struct order_record *records, size_t count,
		      const uint64_t size[2][2], bool ends);
void order_pieces_clear(struct order_pieces *p);
