/* How far a long step is, on standard error. On a terminal: one line that moves, as wide as the terminal and gone when
 * the step ends or a message comes. Anywhere else: a plain line now and then, for steps that take long.
 *
 * Steps nest: the innermost is shown. Whoever has bytes in hand calls progress_add() or progress_at(), without
 * knowing which step it is for, or whether there is one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

enum progress_flags {
	/* Where lines do not move, the step is told when it begins, also a short one. */
	PROGRESS_ANNOUNCE = 1,
	/* What streams read from descriptors counts, or what sinks write into them. */
	PROGRESS_READS = 2,
	PROGRESS_WRITES = 4,
};

struct progress {
	/* private */
	unsigned flags;
	char what[128];
	uint64_t done, total;
	uint64_t began, told; /* microseconds */
	struct progress *outer;
	bool open;
};

/* Begins a step. total: bytes in all, 0 where that is not known. The struct stays where it is until progress_end(). */
void progress_begin(struct progress *p, unsigned flags, uint64_t total, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Ends the step; a zero-initialised one that never began is fine. */
void progress_end(struct progress *p);
#define _cleanup_progress_ _cleanup_(progress_end)

/* To the innermost step: n more bytes; or so many of so many (total 0: as it was). */
void progress_add(uint64_t n);
void progress_at(uint64_t done, uint64_t total);
/* From streams and sinks: counts where the step wants it. */
void progress_moved(unsigned flag, uint64_t n);

/* Waits for the end of a child, which the caller still has to reap; meanwhile measure() says how many bytes there are.
 * timeout_us: it is killed after that, 0: never. */
void progress_wait(pid_t pid, uint64_t timeout_us, uint64_t (*measure)(void *data), void *data);
/* For measure(): bytes of the files in a directory (data: its path), of an open file (data: int *). */
uint64_t progress_directory(void *path);
uint64_t progress_file(void *fd);

/* --- pure, for tests --- */

/* The line's text, at most `width` columns of ASCII: the end of `what` goes first. */
void progress_text(char *out, size_t size, unsigned width, const char *what, uint64_t done, uint64_t total);
