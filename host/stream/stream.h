/* Bytes from somewhere, once, from front to end: a file, a blob whose digest is checked on the way, a decompressor
 * over another stream, a member of an archive. And sources: things that can be opened as such a stream again. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

struct stream {
	/* Up to n bytes (n > 0); 0 only at the end. A stream that checks something (digest, length, checksum of a
	 * compressed file) fails in the call that would have returned 0: what was read is trusted only after a 0. */
	ssize_t (*read)(struct stream *s, void *data, size_t n, struct error *err);
	void (*close)(struct stream *s); /* frees the stream itself */
	/* As stream_skip(), where that takes less than reading; NULL: it does not. */
	int (*skip)(struct stream *s, uint64_t n, struct error *err);
};

static inline void stream_close(struct stream *s)
{
	if (s)
		s->close(s);
}
static inline void cleanup_stream(struct stream **s)
{
	stream_close(*s);
}
#define _cleanup_stream_ _cleanup_(cleanup_stream)

/* Until n bytes or the end: the count, or -1. */
ssize_t stream_read(struct stream *s, void *data, size_t n, struct error *err);
/* Exactly n bytes dropped; an earlier end is an error. */
int stream_skip(struct stream *s, uint64_t n, struct error *err);
/* The same by reading, for those that skip. */
int stream_skip_reading(struct stream *s, uint64_t n, struct error *err);
/* To the end, at most max bytes (EFBIG beyond), appended to out. */
int stream_read_all(struct stream *s, size_t max, struct buf *out, struct error *err);
/* To the end into a descriptor; the count in *written where that is not NULL. */
int stream_copy(struct stream *s, int fd, uint64_t *written, struct error *err);
/* To the end, dropping what is left: runs the checks. */
int stream_drain(struct stream *s, struct error *err);

/* Over a descriptor, which belongs to the stream from then on (also on failure). NULL on failure. */
struct stream *stream_from_fd(int fd, struct error *err);
struct stream *stream_from_file(const char *path, struct error *err);
/* The first n bytes of `inner`, which belongs to the new stream (closed on failure too); fewer are an error. */
struct stream *stream_limit(struct stream *inner, uint64_t n, struct error *err);

/* Checks that the bytes of `inner` are `size` long (UINT64_MAX: unknown) and have the digest ("sha256:..." or
 * "sha512:..."). Takes inner. */
struct stream *stream_verify(struct stream *inner, const char *digest, uint64_t size, const char *what,
			     struct error *err);

/* Decompresses gzip (also several members) and zstd (also several frames), found by their magic numbers; anything
 * else is passed through. Takes inner. */
struct stream *stream_unzip(struct stream *inner, struct error *err);

/* --- sources: reference counted --- */
struct source {
	struct stream *(*open)(struct source *src, struct error *err);
	void (*free)(struct source *src);
	size_t refs;
};

static inline struct source *source_ref(struct source *src)
{
	src->refs++;
	return src;
}
void source_unref(struct source *src); /* NULL is fine */
static inline void cleanup_source(struct source **s)
{
	source_unref(*s);
}
#define _cleanup_source_ _cleanup_(cleanup_source)

struct source *source_from_file(const char *path, struct error *err);
