/* A tar archive as a stream of entries. Two read the raw stream: the decompressor, and archive_finish(), which takes
 * what the decompressor has left, so that a digest over the whole is checked.
 *
 *   archive_open()    the decompressor over the source
 *   archive_next()    skips what is left of the entry before, then reads blocks up to the next entry (header_next):
 *                     headers, metadata (read_meta), maps of holes (read_map), as tar_header() says what each is
 *   archive_read()    the entry's content, holes as zeros (read_sparse)
 *   archive_finish()  the raw stream to its end */
#include "archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Entries are what costs memory: a few compressed kilobytes could ask for gigabytes of them. */
enum { MEMBERS_MAX = 1000000 };

/* The raw stream is read by two: the decompressor, which owns and closes it, and archive_finish(), which reads what the
 * decompressor has not asked for. So the decompressor gets a wrapper that only borrows. */
struct borrowed {
	struct stream base;
	struct stream *raw;
};

static ssize_t borrowed_read(struct stream *s, void *data, size_t n, struct error *err)
{
	struct stream *raw = ((struct borrowed *)s)->raw;

	return raw->read(raw, data, n, err);
}

static int borrowed_skip(struct stream *s, uint64_t n, struct error *err)
{
	return stream_skip(((struct borrowed *)s)->raw, n, err);
}

static void borrowed_close(struct stream *s)
{
	free(s);
}

int archive_open(struct archive *a, struct source *source, const char *what, struct error *err)
{
	struct borrowed *b = malloc(sizeof(*b));

	*a = (struct archive){ .what = what };
	if (!b)
		return error_set(err, ENOMEM, "%s", what);
	a->raw = source->open(source, err);
	if (!a->raw) {
		free(b);
		return error_wrap(err, "%s", what);
	}
	*b = (struct borrowed){ .base = { borrowed_read, borrowed_close, borrowed_skip }, .raw = a->raw };
	a->stream = stream_unzip(&b->base, err);
	if (!a->stream) {
		archive_close(a);
		return error_wrap(err, "%s", what);
	}
	return 0;
}

void archive_close(struct archive *a)
{
	stream_close(a->stream);
	stream_close(a->raw);
	tar_reader_clear(&a->tar);
	a->stream = a->raw = NULL;
}

static int read_meta(struct archive *a, struct error *err)
{
	size_t n = (size_t)a->tar.meta_size, padded = n + tar_padding(n);
	_cleanup_free_ uint8_t *data = malloc(padded ? padded : 1);
	ssize_t r;

	if (!data)
		return error_set(err, ENOMEM, "reading");
	r = stream_read(a->stream, data, padded, err);
	if (r < 0)
		return -1;
	if ((size_t)r < padded)
		return error_say(err, EPIPE, "the archive ends early");
	return tar_meta(&a->tar, data, n, err);
}

static int read_block(struct archive *a, uint8_t *block, struct error *err)
{
	ssize_t r = stream_read(a->stream, block, TAR_BLOCK, err);

	if (r <= 0) /* some writers leave the end blocks out */
		return (int)r;
	return r < TAR_BLOCK ? error_say(err, EPIPE, "the archive ends early") : 1;
}

/* The blocks of a map of holes, behind a header. */
static int read_map(struct archive *a, struct error *err)
{
	uint8_t block[TAR_BLOCK];
	int what = TAR_SPARSE, r;

	while (what == TAR_SPARSE) {
		r = read_block(a, block, err);
		if (r <= 0)
			return r < 0 ? -1 : error_say(err, EPIPE, "the archive ends early");
		what = tar_sparse(&a->tar, block, err);
	}
	return what;
}

static int header_next(struct archive *a, struct error *err)
{
	uint8_t block[TAR_BLOCK];
	int what, r;

	if (stream_skip(a->stream, a->left + a->padding, err) < 0)
		return -1;
	a->left = a->padding = 0;
	for (;;) {
		r = read_block(a, block, err);
		if (r <= 0)
			return r;
		what = tar_header(&a->tar, block, err);
		if (what == TAR_SPARSE)
			what = read_map(a, err);
		switch (what) {
		case TAR_ENTRY:
			a->left = a->tar.entry.stored;
			a->at = 0;
			a->segment = 0;
			a->padding = tar_padding(a->left);
			if (a->count == MEMBERS_MAX)
				return error_say(err, E2BIG, "more than %d members", MEMBERS_MAX);
			a->index = a->count++;
			return 1;
		case TAR_META:
			if (read_meta(a, err) < 0)
				return -1;
			break;
		case TAR_SKIP:
			if (stream_skip(a->stream, a->tar.meta_size + tar_padding(a->tar.meta_size), err) < 0)
				return -1;
			break;
		case TAR_END:
			return 0;
		default:
			return -1;
		}
	}
}

int archive_next(struct archive *a, struct error *err)
{
	int r;

	if (a->ended)
		return 0;
	r = header_next(a, err);
	if (r == 0)
		a->ended = true;
	return r < 0 ? error_wrap(err, "%s", a->what) : r;
}

static ssize_t read_stored(struct archive *a, void *data, size_t n, struct error *err)
{
	ssize_t r;

	if (!a->left)
		return 0;
	r = a->stream->read(a->stream, data, n < a->left ? n : (size_t)a->left, err);
	if (r == 0)
		return error_say(err, EPIPE, "%s: the archive ends early", a->what);
	if (r < 0)
		return error_wrap(err, "%s", a->what);
	a->left -= (uint64_t)r;
	return r;
}

static ssize_t read_sparse(struct archive *a, void *data, size_t n, struct error *err)
{
	const struct tar_entry *e = &a->tar.entry;
	const struct tar_segment *s;
	uint64_t until;
	ssize_t r;

	for (s = e->segments + a->segment; a->segment < e->segment_count && a->at == s->at + s->len; s++)
		a->segment++;
	if (a->segment < e->segment_count && a->at >= s->at) {
		until = s->at + s->len - a->at;
		r = read_stored(a, data, n < until ? n : (size_t)until, err);
	} else {
		until = (a->segment < e->segment_count ? s->at : e->size) - a->at;
		r = (ssize_t)(n < until ? n : until);
		memset(data, 0, (size_t)r);
	}
	if (r > 0)
		a->at += (uint64_t)r;
	return r;
}

ssize_t archive_read(struct archive *a, void *data, size_t n, struct error *err)
{
	return a->tar.entry.segments ? read_sparse(a, data, n, err) : read_stored(a, data, n, err);
}

int archive_finish(struct archive *a, struct error *err)
{
	return stream_drain(a->raw, err) < 0 ? error_wrap(err, "%s", a->what) : 0;
}
