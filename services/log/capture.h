/* What a service writes: a fifo for each of its two streams, emptied into LOGS/NAME.out.log (standard output) and
 * LOGS/NAME.log (standard error), the names that LinuxKit gives them, or into the memory log daemon where one runs.
 *
 * LOGS/NAME.order says in which order both were written, and when (order.h).
 *
 * A file that has CAPTURE_FILE_MAX bytes is kept as FILE.1 and a new one begun, so that a stream takes at most twice
 * that much room. One that was removed or moved away is made anew when the next bytes come (logfile.h). Where nothing
 * can be written (a full disk), bytes are dropped rather than the service stopped; a memory log daemon that is slow
 * slows the service down.
 *
 * The fifos have names, so that whoever comes after this process finds them again, and are held open for both
 * reading and writing: there is no end of file, and a writer never finds nobody at the other end while we live. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "loop.h"
#include "order.h"

enum { CAPTURE_FILE_MAX = 1 << 20 };

struct capture;

/* The wanted text was written. */
typedef void capture_found_fn(struct capture *c);

struct capture_stream {
	struct capture *owner;
	char *name;          /* of the log: NAME or NAME.out */
	char *file;          /* NAME.log or NAME.out.log */
	char *fifo;          /* path */
	struct loop_io io;   /* the fifo */
	struct loop_io sink; /* file, or the memory log daemon's socket, watched only while it is full; fd -1: lost */
	bool memory;         /* the sink is the daemon */
	uint64_t size;       /* of the file */
	uint32_t bits;       /* for the next piece, where no mark could be written: order.h */
	uint64_t begin;      /* where in the file the present run's output begins */
	struct buf recent;   /* the daemon's: the last of what was written, since it cannot be read back */
	struct buf held;     /* the daemon's: what it has not taken yet */
	struct buf carry;    /* the end of what was searched, where the wanted text may begin */
};

struct capture {
	struct loop *loop;
	char *dir; /* of the files */
	struct capture_stream out, err;
	struct order order; /* of the two */
	const char *wanted;
	capture_found_fn *found;
	void *data;
};

/* Zero-initialise before: one that was never opened is legal everywhere and empty. fifo_dir is made. The capture must
 * not move in memory afterwards. */
int capture_open(struct capture *c, struct loop *loop, const char *log_dir, const char *fifo_dir, const char *name,
		 struct error *err);
void capture_close(struct capture *c);

/* A descriptor for a process to write to, which it may also read: it then outlives us without SIGPIPE. The caller
 * closes it. */
int capture_writer(const struct capture_stream *s, struct error *err);

/* Marks the beginning of a run: capture_tail() looks no further back. */
void capture_begin(struct capture *c);

/* Calls back once when either stream has had the text, which stays the caller's; NULL: no longer. */
void capture_want(struct capture *c, const char *text, capture_found_fn *found, void *data);

/* Takes what is in the fifos now: after a process has ended, all that it wrote. */
void capture_drain(struct capture *c);

/* The last lines (at most `lines`, at most 1 KiB) of standard error in this run, or of standard output where there
 * are none. */
void capture_tail(struct capture *c, unsigned lines, struct buf *out);
