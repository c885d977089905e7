/* Where bytes go: a descriptor, a digest, a compressor in front of another sink. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct sink {
	int (*write)(struct sink *s, const void *data, size_t n, struct error *err);
	/* Flushes buffered bytes; nothing may be written after it. Without it the output is incomplete. */
	int (*finish)(struct sink *s, struct error *err);
	void (*free)(struct sink *s);
	uint64_t written; /* bytes given to write so far */
};

int sink_write(struct sink *s, const void *data, size_t n, struct error *err);
int sink_zero(struct sink *s, uint64_t n, struct error *err);
/* Zero bytes until `written` is a multiple of `align`. */
int sink_pad(struct sink *s, uint32_t align, struct error *err);
int sink_finish(struct sink *s, struct error *err);
static inline void sink_free(struct sink *s)
{
	if (s)
		s->free(s);
}
static inline void cleanup_sink(struct sink **s)
{
	sink_free(*s);
}
#define _cleanup_sink_ _cleanup_(cleanup_sink)

/* Into a descriptor, which stays the caller's. `what` names it in errors; kept, not copied. Buffered: finish it. */
struct sink *sink_to_fd(int fd, const char *what, struct error *err);
/* Of such a sink that was not written to: the disk begins with what is there while more is made, since somebody will
 * wait until all of it is on the disk (fsync). */
void sink_begin_early(struct sink *s);
/* Passes on to `next` (may be NULL: only counts) and computes sha256 on the way, sink_digest_as() the digest of the
 * kind that `like` begins with ("sha256:", "sha512:"). */
struct sink *sink_digest(struct sink *next, struct error *err);
struct sink *sink_digest_as(struct sink *next, const char *like, struct error *err);
/* Of a finished digest sink: its kind, ":" and hexadecimal digits; valid until it is freed. */
const char *sink_digest_text(struct sink *s);
