/* Decompression: gzip by zlib, zstd by libzstd, anything else as it is. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "stream.h"

enum { IN_SIZE = 64 << 10 };

struct unzip_stream {
	struct stream base;
	struct stream *inner;
	z_stream z;
	ZSTD_DStream *zstd;
	bool gzip;
	bool eof;      /* of inner */
	bool in_frame; /* the compressed data may not end here */
	size_t at, len;
	uint8_t in[IN_SIZE];
};

/* More input when there is none left. */
static int unzip_fill(struct unzip_stream *s, struct error *err)
{
	ssize_t r;

	if (s->at < s->len || s->eof)
		return 0;
	r = s->inner->read(s->inner, s->in, sizeof(s->in), err);
	if (r < 0)
		return -1;
	s->eof = r == 0;
	s->at = 0;
	s->len = (size_t)r;
	return 0;
}

static ssize_t plain_read(struct unzip_stream *s, void *data, size_t n, struct error *err)
{
	if (s->at == s->len)
		return s->eof ? 0 : s->inner->read(s->inner, data, n, err);
	if (n > s->len - s->at)
		n = s->len - s->at;
	memcpy(data, s->in + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* One step of inflate; the bytes made. */
static ssize_t gzip_step(struct unzip_stream *s, void *data, size_t n, struct error *err)
{
	int r;

	if (!s->in_frame) {
		if (s->in[s->at] == 0) { /* zero padding after the last member, as tapes and some tools leave it */
			s->at++;
			return 0;
		}
		inflateReset(&s->z);
		s->in_frame = true;
	}
	s->z.next_in = s->in + s->at;
	s->z.avail_in = (uInt)(s->len - s->at);
	s->z.next_out = data;
	s->z.avail_out = n > UINT32_MAX ? UINT32_MAX : (uInt)n;
	n = s->z.avail_out;
	r = inflate(&s->z, Z_NO_FLUSH);
	s->at = s->len - s->z.avail_in;
	if (r == Z_STREAM_END)
		s->in_frame = false;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return error_set(err, r == Z_MEM_ERROR ? ENOMEM : EBADMSG, "damaged gzip data%s%s",
				 s->z.msg ? ": " : "", s->z.msg ? s->z.msg : "");
	return (ssize_t)(n - s->z.avail_out);
}

static ssize_t zstd_step(struct unzip_stream *s, void *data, size_t n, struct error *err)
{
	ZSTD_inBuffer in = { s->in, s->len, s->at };
	ZSTD_outBuffer out = { data, n, 0 };
	size_t r = ZSTD_decompressStream(s->zstd, &out, &in);

	if (ZSTD_isError(r))
		return error_say(err, EBADMSG, "damaged zstd data: %s", ZSTD_getErrorName(r));
	s->at = in.pos;
	s->in_frame = r != 0;
	return (ssize_t)out.pos;
}

static ssize_t unzip_read(struct stream *base, void *data, size_t n, struct error *err)
{
	struct unzip_stream *s = (struct unzip_stream *)base;

	if (!s->gzip && !s->zstd)
		return plain_read(s, data, n, err);
	for (;;) {
		ssize_t r;

		if (unzip_fill(s, err) < 0)
			return -1;
		if (s->eof && !s->in_frame)
			return 0;
		/* what a decoder still holds comes out without input */
		if (s->eof && s->gzip)
			return error_say(err, EBADMSG, "damaged gzip data: it ends early");
		r = s->gzip ? gzip_step(s, data, n, err) : zstd_step(s, data, n, err);
		if (r != 0)
			return r;
		if (s->eof && s->zstd)
			return error_say(err, EBADMSG, "damaged zstd data: it ends early");
	}
}

/* What is not compressed is skipped below, behind what was read ahead. */
static int unzip_skip(struct stream *base, uint64_t n, struct error *err)
{
	struct unzip_stream *s = (struct unzip_stream *)base;
	uint64_t held = s->len - s->at;

	if (s->gzip || s->zstd)
		return stream_skip_reading(base, n, err);
	if (held > n)
		held = n;
	s->at += (size_t)held;
	return stream_skip(s->inner, n - held, err);
}

static void unzip_close(struct stream *base)
{
	struct unzip_stream *s = (struct unzip_stream *)base;

	stream_close(s->inner);
	if (s->gzip)
		inflateEnd(&s->z);
	ZSTD_freeDStream(s->zstd);
	free(s);
}

/* Frames of zstd start with its magic number or one of the skippable frames' (RFC 8878, 3.1). */
static bool zstd_magic(const uint8_t *p, size_t n)
{
	return n >= 4 &&
		((p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
		 ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18));
}

static int unzip_detect(struct unzip_stream *s, struct error *err)
{
	ssize_t n = stream_read(s->inner, s->in, 512, err);

	if (n < 0)
		return -1;
	s->len = (size_t)n;
	if (s->len >= 3 && s->in[0] == 0x1f && s->in[1] == 0x8b && s->in[2] == 8) {
		if (inflateInit2(&s->z, 15 + 16) != Z_OK)
			return error_set(err, ENOMEM, "gzip");
		s->gzip = true;
	} else if (zstd_magic(s->in, s->len)) {
		s->zstd = ZSTD_createDStream();
		/* a larger window would cost any memory a layer likes; 32 MiB is what the strongest common encoders use
		 */
		if (!s->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, 25)))
			return error_set(err, ENOMEM, "zstd");
	}
	return 0;
}

struct stream *stream_unzip(struct stream *inner, struct error *err)
{
	struct unzip_stream *s = calloc(1, sizeof(*s));

	if (!s) {
		stream_close(inner);
		error_set(err, ENOMEM, "opening");
		return NULL;
	}
	s->base = (struct stream){ unzip_read, unzip_close, unzip_skip };
	s->inner = inner;
	if (unzip_detect(s, err) < 0) {
		unzip_close(&s->base);
		return NULL;
	}
	return &s->base;
}
