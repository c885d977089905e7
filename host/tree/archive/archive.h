/* Reading a tar archive from a stream, entry by entry. */
#pragma once

#include "stream.h"
#include "tar.h"

struct archive {
	struct tar_reader tar; /* tar.entry after archive_next() */
	uint32_t index;        /* number of the entry in the archive, from 0 */
	/* private */
	struct stream *raw, *stream;
	uint64_t left; /* stored bytes of the entry that are not read yet */
	uint64_t at;   /* in a file with holes */
	size_t segment;
	uint32_t padding;
	uint32_t count;
	bool begun, ended;
	const char *what;
};

#define _cleanup_archive_ _cleanup_(archive_close)

/* Plain, gzip or zstd. `what` names it in errors; kept, not copied. */
int archive_open(struct archive *a, struct source *source, const char *what, struct error *err);
/* 1 with a->tar.entry filled, 0 at the end (archive_finish() has not been called then), -1. What was left of the entry
 * before is skipped. */
int archive_next(struct archive *a, struct error *err);
/* Content of the entry, holes as zeros: bytes read, 0 at its end, -1. */
ssize_t archive_read(struct archive *a, void *data, size_t n, struct error *err);
/* Reads the raw (compressed) stream to its end, so that its digest is checked. */
int archive_finish(struct archive *a, struct error *err);
void archive_close(struct archive *a); /* fine on a zeroed one */
