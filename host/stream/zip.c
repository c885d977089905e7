/* Compressing sinks. The result depends on what is written alone: no time, no name; gzip is in gzip.c. */
#include "zip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#include "str.h"
#include "zip_private.h"

enum { OUT_SIZE = 64 << 10, ZSTD_LEVEL = 9 };

struct zip_stream {
	struct sink base;
	struct sink *next;
	ZSTD_CStream *zstd;
	uint8_t out[OUT_SIZE];
};

int zip_parse(const char *text, enum zip *out, int *level, struct error *err)
{
	static const struct {
		const char *name;
		uint64_t levels;
	} kinds[] = { [ZIP_NONE] = { "none", 0 }, [ZIP_GZIP] = { "gzip", 9 }, [ZIP_ZSTD] = { "zstd", 19 } };
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	uint64_t number = 0;

	for (size_t i = 0; i < array_len(kinds); i++) {
		if (strlen(kinds[i].name) != n || memcmp(kinds[i].name, text, n) != 0)
			continue;
		if (colon && (str_to_u64(colon + 1, kinds[i].levels, &number) < 0 || !number))
			break;
		*out = (enum zip)i;
		*level = (int)number;
		return 0;
	}
	return error_say(err, EINVAL,
			 "\"%s\" is no compression: none, gzip (gzip:1 to gzip:9) or zstd (zstd:1 to zstd:19)", text);
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

	return zstd_run(s, data, n, ZSTD_e_continue, err);
}

static int zip_finish(struct sink *base, struct error *err)
{
	struct zip_stream *s = (struct zip_stream *)base;

	return zstd_run(s, "", 0, ZSTD_e_end, err);
}

static void zip_free(struct sink *base)
{
	struct zip_stream *s = (struct zip_stream *)base;

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

static int zstd_setup(struct zip_stream *s, int level, struct error *err)
{
	s->zstd = ZSTD_createCStream();
	if (!s->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, level ? level : ZSTD_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1)))
		return error_set(err, ENOMEM, "zstd");
	return 0;
}

struct sink *zip_sink(struct sink *next, enum zip zip, int level, struct error *err)
{
	struct zip_stream *s = zip == ZIP_GZIP ? NULL : calloc(1, sizeof(*s));

	if (zip == ZIP_GZIP)
		return gzip_sink(next, level, err);
	if (!s) {
		error_set(err, ENOMEM, "compressing");
		return NULL;
	}
	s->base = (struct sink){ .write = zip == ZIP_NONE ? pass_write : zip_write,
				 .finish = zip == ZIP_NONE ? pass_finish : zip_finish,
				 .free = zip_free };
	s->next = next;
	if (zip == ZIP_ZSTD && zstd_setup(s, level, err) < 0) {
		zip_free(&s->base);
		return NULL;
	}
	return &s->base;
}
