/* Sinks: each passes on what is written to the one below it, or to a descriptor. sink_finish() says that no more comes;
 * what a sink held back goes out then, and only then is its digest known. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "progress.h"
#include "str.h"

int sink_write(struct sink *s, const void *data, size_t n, struct error *err)
{
	if (n == 0)
		return 0;
	s->written += n;
	return s->write(s, data, n, err);
}

int sink_zero(struct sink *s, uint64_t n, struct error *err)
{
	static const uint8_t zero[4096];

	while (n) {
		size_t part = n < sizeof(zero) ? (size_t)n : sizeof(zero);

		if (sink_write(s, zero, part, err) < 0)
			return -1;
		n -= part;
	}
	return 0;
}

int sink_pad(struct sink *s, uint32_t align, struct error *err)
{
	uint32_t over = (uint32_t)(s->written % align);

	return over ? sink_zero(s, align - over, err) : 0;
}

int sink_finish(struct sink *s, struct error *err)
{
	return s->finish(s, err);
}

/* --- into a descriptor --- */

enum { FD_BUFFER = 64 << 10, EARLY = 8 << 20 };

struct fd_sink {
	struct sink base;
	int fd;
	const char *what;
	bool early;
	uint64_t put, begun; /* bytes that are written, and that the disk has begun with */
	size_t held;
	uint8_t buffer[FD_BUFFER];
};

static int sink_put(struct fd_sink *s, const void *data, size_t n, struct error *err)
{
	if (io_write(s->fd, data, n) < 0)
		return error_set(err, errno, "writing %s", s->what);
	progress_moved(PROGRESS_WRITES, n);
	s->put += n;
	if (s->early && s->put - s->begun >= EARLY) {
		/* what cannot be told early is done late */
		sync_file_range(s->fd, (off_t)s->begun, (off_t)(s->put - s->begun), SYNC_FILE_RANGE_WRITE);
		s->begun = s->put;
	}
	return 0;
}

static int fd_flush(struct fd_sink *s, struct error *err)
{
	size_t n = s->held;

	s->held = 0;
	return sink_put(s, s->buffer, n, err);
}

static int fd_write(struct sink *base, const void *data, size_t n, struct error *err)
{
	struct fd_sink *s = (struct fd_sink *)base;

	if (n > sizeof(s->buffer) - s->held && fd_flush(s, err) < 0)
		return -1;
	if (n >= sizeof(s->buffer))
		return sink_put(s, data, n, err);
	memcpy(s->buffer + s->held, data, n);
	s->held += n;
	return 0;
}

static int fd_finish(struct sink *base, struct error *err)
{
	return fd_flush((struct fd_sink *)base, err);
}

static void fd_free(struct sink *base)
{
	free(base);
}

struct sink *sink_to_fd(int fd, const char *what, struct error *err)
{
	struct fd_sink *s = malloc(sizeof(*s));

	if (!s) {
		error_set(err, ENOMEM, "writing %s", what);
		return NULL;
	}
	s->base = (struct sink){ .write = fd_write, .finish = fd_finish, .free = fd_free };
	s->fd = fd;
	s->what = what;
	s->held = 0;
	s->early = false;
	s->put = s->begun = 0;
	return &s->base;
}

void sink_begin_early(struct sink *s)
{
	((struct fd_sink *)s)->early = true;
}

/* --- digest --- */

struct digest_sink {
	struct sink base;
	struct sink *next;
	EVP_MD_CTX *md;
	const char *kind;
	char text[sizeof("sha512:") + 128];
};

static int digest_write(struct sink *base, const void *data, size_t n, struct error *err)
{
	struct digest_sink *s = (struct digest_sink *)base;

	if (EVP_DigestUpdate(s->md, data, n) != 1)
		return error_set(err, 0, "cannot compute a digest");
	return s->next ? sink_write(s->next, data, n, err) : 0;
}

static int digest_finish(struct sink *base, struct error *err)
{
	struct digest_sink *s = (struct digest_sink *)base;
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int n;
	char *p = s->text;

	if (*p)
		return 0; /* finished before: a caller may look at the digest first */
	if (EVP_DigestFinal_ex(s->md, hash, &n) != 1)
		return error_set(err, 0, "cannot compute a digest");
	p += sprintf(p, "%s:", s->kind);
	for (unsigned int i = 0; i < n; i++)
		p += sprintf(p, "%02x", hash[i]);
	return 0;
}

static void digest_free(struct sink *base)
{
	EVP_MD_CTX_free(((struct digest_sink *)base)->md);
	free(base);
}

struct sink *sink_digest_as(struct sink *next, const char *like, struct error *err)
{
	bool longer = str_starts(like, "sha512:");
	struct digest_sink *s = calloc(1, sizeof(*s));

	if (s) {
		s->kind = longer ? "sha512" : "sha256";
		s->base = (struct sink){ .write = digest_write, .finish = digest_finish, .free = digest_free };
		s->next = next;
		s->md = EVP_MD_CTX_new();
		if (s->md && EVP_DigestInit_ex(s->md, longer ? EVP_sha512() : EVP_sha256(), NULL) == 1)
			return &s->base;
		digest_free(&s->base);
	}
	error_set(err, ENOMEM, "computing a digest");
	return NULL;
}

struct sink *sink_digest(struct sink *next, struct error *err)
{
	return sink_digest_as(next, "sha256:", err);
}

const char *sink_digest_text(struct sink *s)
{
	return ((struct digest_sink *)s)->text;
}
