/* Streams over descriptors, and those that check or bound another stream. A stream that checks fails in the read that
 * would have said the end. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "progress.h"
#include "str.h"

enum { CHUNK = 64 << 10, SKIP_MIN = 32 << 10 };

ssize_t stream_read(struct stream *s, void *data, size_t n, struct error *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = s->read(s, (uint8_t *)data + done, n - done, err);

		if (r < 0)
			return -1;
		if (r == 0)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int stream_skip_reading(struct stream *s, uint64_t n, struct error *err)
{
	uint8_t scratch[16 << 10];

	while (n) {
		ssize_t r = s->read(s, scratch, n < sizeof(scratch) ? (size_t)n : sizeof(scratch), err);

		if (r < 0)
			return -1;
		if (r == 0)
			return error_say(err, EPIPE, "data ends early");
		n -= (uint64_t)r;
	}
	return 0;
}

int stream_skip(struct stream *s, uint64_t n, struct error *err)
{
	return s->skip ? s->skip(s, n, err) : stream_skip_reading(s, n, err);
}

int stream_read_all(struct stream *s, size_t max, struct buf *out, struct error *err)
{
	size_t total = 0;

	for (;;) {
		uint8_t *room = buf_reserve(out, CHUNK);
		ssize_t r;

		if (!room)
			return error_set(err, ENOMEM, "reading");
		r = s->read(s, room, CHUNK, err);
		if (r < 0)
			return -1;
		if (r == 0)
			return 0;
		if ((size_t)r > max - total)
			return error_say(err, EFBIG, "more than %zu bytes", max);
		total += (size_t)r;
		buf_commit(out, (size_t)r);
	}
}

int stream_copy(struct stream *s, int fd, uint64_t *written, struct error *err)
{
	_cleanup_free_ uint8_t *scratch = malloc(CHUNK);
	uint64_t total = 0;
	ssize_t r;

	if (!scratch)
		return error_set(err, ENOMEM, "copying");
	while ((r = s->read(s, scratch, CHUNK, err)) > 0) {
		if (io_write(fd, scratch, (size_t)r) < 0)
			return error_set(err, errno, "writing");
		total += (uint64_t)r;
	}
	if (written)
		*written = total;
	return r < 0 ? -1 : 0;
}

int stream_drain(struct stream *s, struct error *err)
{
	uint8_t scratch[16 << 10];
	ssize_t r;

	while ((r = s->read(s, scratch, sizeof(scratch), err)) > 0)
		;
	return r < 0 ? -1 : 0;
}

/* --- over a descriptor --- */

struct fd_stream {
	struct stream base;
	int fd;
};

static ssize_t fd_read(struct stream *s, void *data, size_t n, struct error *err)
{
	ssize_t r;

	do
		r = read(((struct fd_stream *)s)->fd, data, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_set(err, errno, "reading");
	progress_moved(PROGRESS_READS, (uint64_t)r);
	return r;
}

/* Of a file the place is moved, not beyond its end. */
static int fd_skip(struct stream *s, uint64_t n, struct error *err)
{
	int fd = ((struct fd_stream *)s)->fd;
	struct stat st;
	off_t at;

	if (n < SKIP_MIN || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (at = lseek(fd, 0, SEEK_CUR)) < 0)
		return stream_skip_reading(s, n, err);
	if (at > st.st_size || n > (uint64_t)(st.st_size - at))
		return error_say(err, EPIPE, "data ends early");
	return lseek(fd, (off_t)n, SEEK_CUR) < 0 ? error_set(err, errno, "reading") : 0;
}

static void fd_close(struct stream *s)
{
	close(((struct fd_stream *)s)->fd);
	free(s);
}

struct stream *stream_from_fd(int fd, struct error *err)
{
	struct fd_stream *s = malloc(sizeof(*s));

	if (!s) {
		close(fd);
		error_set(err, ENOMEM, "opening");
		return NULL;
	}
	*s = (struct fd_stream){ .base = { fd_read, fd_close, fd_skip }, .fd = fd };
	return &s->base;
}

struct stream *stream_from_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		error_set(err, errno, "%s", path);
		return NULL;
	}
	return stream_from_fd(fd, err);
}

/* --- the first n bytes --- */

struct limit_stream {
	struct stream base;
	struct stream *inner;
	uint64_t left;
};

static ssize_t limit_read(struct stream *base, void *data, size_t n, struct error *err)
{
	struct limit_stream *s = (struct limit_stream *)base;
	ssize_t r;

	if (!s->left)
		return 0;
	r = s->inner->read(s->inner, data, n < s->left ? n : (size_t)s->left, err);
	if (r == 0)
		return error_say(err, EPIPE, "data ends early");
	if (r > 0)
		s->left -= (uint64_t)r;
	return r;
}

static void limit_close(struct stream *base)
{
	struct limit_stream *s = (struct limit_stream *)base;

	stream_close(s->inner);
	free(s);
}

struct stream *stream_limit(struct stream *inner, uint64_t n, struct error *err)
{
	struct limit_stream *s = malloc(sizeof(*s));

	if (!s) {
		stream_close(inner);
		error_set(err, ENOMEM, "opening");
		return NULL;
	}
	*s = (struct limit_stream){ .base = { limit_read, limit_close }, .inner = inner, .left = n };
	return &s->base;
}

/* --- digest and size --- */

struct verify_stream {
	struct stream base;
	struct stream *inner;
	EVP_MD_CTX *md;
	char *what, *digest;
	uint64_t want, got;
	bool done;
};

static int verify_end(struct verify_stream *s, struct error *err)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	const char *expected = strchr(s->digest, ':') + 1;
	unsigned int n = 0;

	if (s->want != UINT64_MAX && s->got != s->want)
		return error_say(err, EBADMSG, "%s: %" PRIu64 " bytes, not the %" PRIu64 " it should have", s->what,
				 s->got, s->want);
	if (EVP_DigestFinal_ex(s->md, hash, &n) != 1)
		return error_set(err, 0, "%s: cannot compute its digest", s->what);
	for (unsigned int i = 0; i < n; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", hash[i]);
	if (!str_eq(hex, expected))
		return error_say(err, EBADMSG, "%s: the content does not have this digest (it is damaged)", s->what);
	s->done = true;
	return 0;
}

static ssize_t verify_read(struct stream *base, void *data, size_t n, struct error *err)
{
	struct verify_stream *s = (struct verify_stream *)base;
	ssize_t r;

	if (s->done)
		return 0;
	r = s->inner->read(s->inner, data, n, err);
	if (r < 0)
		return error_wrap(err, "%s", s->what);
	if (r == 0)
		return verify_end(s, err);
	s->got += (uint64_t)r;
	if (s->got > s->want)
		return error_say(err, EBADMSG, "%s: more than the %" PRIu64 " bytes it should have", s->what, s->want);
	if (EVP_DigestUpdate(s->md, data, (size_t)r) != 1)
		return error_set(err, 0, "%s: cannot compute its digest", s->what);
	return r;
}

static void verify_close(struct stream *base)
{
	struct verify_stream *s = (struct verify_stream *)base;

	stream_close(s->inner);
	EVP_MD_CTX_free(s->md);
	free(s->what);
	free(s->digest);
	free(s);
}

struct stream *stream_verify(struct stream *inner, const char *digest, uint64_t size, const char *what,
			     struct error *err)
{
	const EVP_MD *md = str_starts(digest, "sha256:") ? EVP_sha256()
		: str_starts(digest, "sha512:")          ? EVP_sha512()
							 : NULL;
	struct verify_stream *s = calloc(1, sizeof(*s));

	if (!s) {
		stream_close(inner);
		error_set(err, ENOMEM, "opening");
		return NULL;
	}
	*s = (struct verify_stream){ .base = { verify_read, verify_close }, .inner = inner, .want = size };
	s->what = strdup(what);
	s->digest = strdup(digest);
	s->md = EVP_MD_CTX_new();
	if (!md)
		error_say(err, EINVAL, "%s: unknown kind of digest", digest);
	else if (!s->what || !s->digest || !s->md || EVP_DigestInit_ex(s->md, md, NULL) != 1)
		error_set(err, ENOMEM, "opening");
	else
		return &s->base;
	verify_close(&s->base);
	return NULL;
}

/* --- sources --- */

void source_unref(struct source *src)
{
	if (src && --src->refs == 0)
		src->free(src);
}

struct file_source {
	struct source base;
	char *path;
};

static struct stream *file_source_open(struct source *src, struct error *err)
{
	return stream_from_file(((struct file_source *)src)->path, err);
}

static void file_source_free(struct source *src)
{
	free(((struct file_source *)src)->path);
	free(src);
}

struct source *source_from_file(const char *path, struct error *err)
{
	struct file_source *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct file_source){ .base = { file_source_open, file_source_free, 1 }, .path = strdup(path) };
	if (!s || !s->path) {
		free(s);
		error_set(err, ENOMEM, "%s", path);
		return NULL;
	}
	return &s->base;
}
