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
	*b = (struct borrowed){ .base = { borrowed_read, borrowed_close }, .raw = a->raw };
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

static int next(struct archive *a, struct error *err)
{
	uint8_t block[TAR_BLOCK];
	ssize_t r;
	int what;

	if (stream_skip(a->stream, a->left + a->padding, err) < 0)
		return -1;
	a->left = a->padding = 0;
	for (;;) {
		r = stream_read(a->stream, block, sizeof(block), err);
		if (r < 0)
			return -1;
		if (r == 0) /* some writers leave the end blocks out */
			return 0;
		if ((size_t)r < sizeof(block))
			return error_say(err, EPIPE, "the archive ends early");
		what = tar_header(&a->tar, block, err);
		switch (what) {
		case TAR_ENTRY:
			a->left = a->tar.entry.size;
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
	r = next(a, err);
	if (r == 0)
		a->ended = true;
	return r < 0 ? error_wrap(err, "%s", a->what) : r;
}

ssize_t archive_read(struct archive *a, void *data, size_t n, struct error *err)
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

int archive_finish(struct archive *a, struct error *err)
{
	return stream_drain(a->raw, err) < 0 ? error_wrap(err, "%s", a->what) : 0;
}
