/* In which order a service's two streams were written, and when: a file NAME.order beside NAME.log and NAME.out.log,
 * which stay what they are. It has a record for each piece that was written to one of them:
 *
 *   8 bytes  time: microseconds since 1970, CLOCK_REALTIME
 *   4 bytes  where in the stream's file the piece begins
 *   4 bytes  its length in the low 28 bits; ORDER_OUT: it is of standard output; ORDER_TURNED: its file is a new one,
 * and the one before is FILE.1 now; ORDER_ANEW: the same, and the one before is lost; ORDER_EMPTIED with ORDER_ANEW:
 * the file is the same, and what was in it is lost
 *
 * A record of length 0 with one of these bits is a mark. It is written after the new file was made and before anything
 * is written to it: whoever finds bytes in a file finds the mark, too, and so knows whose bytes they are. In place of
 * the time it has an inode: with ORDER_TURNED of what is FILE.1 now, with ORDER_EMPTIED of the file. When the mark
 * cannot be written, the next piece has its bits.
 *
 * All is in the machine's byte order, since nobody else reads it. Records are appended, never changed, so that a reader
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

#define ORDER_OUT     (UINT32_C(1) << 31)
#define ORDER_TURNED  (UINT32_C(1) << 30)
#define ORDER_ANEW    (UINT32_C(1) << 29)
#define ORDER_EMPTIED (UINT32_C(1) << 28)
#define ORDER_LENGTH  (ORDER_EMPTIED - 1)

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
/* A mark, with the inode that belongs to its bits, or 0. False when it cannot be written. */
bool order_mark(struct order *o, const char *dir, uint64_t inode, uint32_t bits);

/* --- reading: the `service` command's side ----------------------------------------------------------------------- */

/* What has become of the file of the stream's present piece, by the records that come after it. */
enum order_fate {
	ORDER_FATE_PRESENT, /* it is FILE */
	ORDER_FATE_OLDER,   /* it is FILE.1 */
	ORDER_FATE_EMPTIED, /* it has lost its bytes, even for who has it open */
	ORDER_FATE_GONE,    /* it has no name any more, or one that we do not know */
};

/* inode: of the file that is FILE.1 or was emptied, where this is known; else 0. */
enum order_fate order_fate_find(const struct order_record *later, size_t count, int stream, uint64_t *inode);

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
