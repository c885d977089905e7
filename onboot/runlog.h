/* A log file of a bounded size: the first RUNLOG_HEAD bytes as they come, and when the log ends the last RUNLOG_TAIL of
 * them, with a line between the two that says how many bytes are left out. The head is shorter where the file system
 * (/run, which is memory) would be more than half full: logs never take the room that the machine itself needs.
 *
 * The directory may be one that a container writes: the file is made anew, under a name that was free. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum {
	RUNLOG_HEAD = 256 << 10,
	RUNLOG_TAIL = 64 << 10,
};

struct runlog {
	int fd;             /* -1: none, or nothing can be written */
	uint64_t total;     /* bytes that came */
	uint64_t head;      /* of them, those in the file */
	struct buf tail;    /* the last of them */
	uint64_t tail_size; /* when it has ended: bytes that are in the file behind the head, */
	uint64_t tail_from; /* where they begin in the stream, */
	uint64_t tail_at;   /* and where in the file */
};

#define RUNLOG_INIT      \
	{                \
		.fd = -1 \
	}

/* dir: a descriptor of the directory. */
int runlog_open(struct runlog *l, int dir, const char *name, struct error *err);
/* What cannot be written is left out, and counted. Returns how many of the bytes are in the head now. */
size_t runlog_add(struct runlog *l, const void *data, size_t n);
/* Writes the end of the file. The tail stays readable. */
void runlog_end(struct runlog *l);
void runlog_clear(struct runlog *l);
