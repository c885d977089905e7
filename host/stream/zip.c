/* Compressing sinks. The result depends on what is written alone: no time, no name, one thread. */
#include "zip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "str.h"

enum { OUT_SIZE = 64 << 10, GZIP_LEVEL = 6, ZSTD_LEVEL = 9 };

struct zip_stream {
	struct sink base;
	struct sink *next;
	z_stream z;
	ZSTD_CStream *zstd;
	bool gzip;
	uint8_t out[OUT_SIZE];
};

int zip_parse(const char *text, enum zip *out, struct error *err)
{
	static const char *const names[] = { [ZIP_NONE] = "none", [ZIP_GZIP] = "gzip", [ZIP_ZSTD] = "zstd" };

	for (size_t i = 0; i < array_len(names); i++)
		if (str_eq(text, names[i])) {
			*out = (enum zip)i;
			return 0;
		}
	return error_say(err, EINVAL, "\"%s\" is no compression: none, gzip or zstd", text);
}

static int gzip_run(struct zip_stream *s, const void *data, size_t n, int flush, struct error *err)
{
	int r;

	s->z.next_in = (Bytef *)(uintptr_t)data;
	do {
		uInt part = n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)n;

		s->z.avail_in = part;
		n -= part;
		do {
			s->z.next_out = s->out;
			s->z.avail_out = sizeof(s->out);
			r = deflate(&s->z, n ? Z_NO_FLUSH : flush);
			if (r == Z_STREAM_ERROR)
				return error_set(err, 0, "gzip: compression failed");
			if (sink_write(s->next, s->out, sizeof(s->out) - s->z.avail_out, err) < 0)
				return -1;
		} while (s->z.avail_out == 0);
	} while (n);
	return 0;
}

static int zstd_run(struct zip_stream *s, const void *data, size_t n, ZSTD_EndDirective end, struct error *err)
{
	ZSTD_inBuffer in = { data, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { s->out, sizeof(s->out), 0 };

		left = ZSTD_compressStream2(s->zstd, &out, &in, end);
		if (ZSTD_isError(left))
			return error_set(err, 0, "zstd: %s", ZSTD_getErrorName(left));
		if (sink_write(s->next, s->out, out.pos, err) < 0)
			return -1;
	} while (in.pos < in.size || (end == ZSTD_e_end && left));
	return 0;
}

static int zip_write(struct sink *base, const void *data, size_t n, struct error *err)
{
	struct zip_stream *s = (struct zip_stream *)base;

	return s->gzip ? gzip_run(s, data, n, Z_NO_FLUSH, err) : zstd_run(s, data, n, ZSTD_e_continue, err);
}

static int zip_finish(struct sink *base, struct error *err)
{
	struct zip_stream *s = (struct zip_stream *)base;

	return s->gzip ? gzip_run(s, "", 0, Z_FINISH, err) : zstd_run(s, "", 0, ZSTD_e_end, err);
}

static void zip_free(struct sink *base)
{
	struct zip_stream *s = (struct zip_stream *)base;

	if (s->gzip)
		deflateEnd(&s->z);
	ZSTD_freeCStream(s->zstd);
	free(s);
}

/* --- no compression --- */

static int pass_write(struct sink *base, const void *data, size_t n, struct error *err)
{
	return sink_write(((struct zip_stream *)base)->next, data, n, err);
}

static int pass_finish(struct sink *base, struct error *err)
{
	(void)base;
	(void)err;
	return 0;
}

static int zip_setup(struct zip_stream *s, enum zip zip, int level, struct error *err)
{
	if (zip == ZIP_GZIP) {
		/* 15 + 16: a gzip header, which zlib leaves without a time and a name */
		if (deflateInit2(&s->z, level ? level : GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
			return error_set(err, ENOMEM, "gzip");
		s->gzip = true;
	} else if (zip == ZIP_ZSTD) {
		s->zstd = ZSTD_createCStream();
		if (!s->zstd ||
		    ZSTD_isError(
			    ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, level ? level : ZSTD_LEVEL)) ||
		    ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1)))
			return error_set(err, ENOMEM, "zstd");
	}
	return 0;
}

struct sink *zip_sink(struct sink *next, enum zip zip, int level, struct error *err)
{
	struct zip_stream *s = calloc(1, sizeof(*s));

	if (!s) {
		error_set(err, ENOMEM, "compressing");
		return NULL;
	}
	s->base = (struct sink){ .write = zip == ZIP_NONE ? pass_write : zip_write,
				 .finish = zip == ZIP_NONE ? pass_finish : zip_finish,
				 .free = zip_free };
	s->next = next;
	if (zip_setup(s, zip, level, err) < 0) {
		zip_free(&s->base);
		return NULL;
	}
	return &s->base;
}
