/* zstd on several processors, by the library's own threads. It cuts what is written into jobs of fixed length, each of
 * which sees the end of the one before, and makes one frame of them: the kernel reads one frame of an initramfs, and no
 * more. The cuts are at fixed places, so that the result does not depend on the number of threads; but one thread of
 * the library's does not make the same as none, and so there is always one.
 *
 *   zstd_begin()   before the first byte: starts the threads
 *   zstd_write()   hands bytes to the library, and takes what is ready
 *   zstd_finish()  waits for all jobs, and takes what they have made */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#include "str.h"
#include "zip_private.h"

/* The library's own choice, jobs of 16 MiB and tables of 24, would take hundreds of megabytes on a large machine. */
enum { WINDOW_LOG = 20, JOB = 1 << 20, HASH_LOG = 19, HASH_LEVEL = 7, WORKERS_MAX = 4, LEVEL = 9, OUT_SIZE = 64 << 10 };

struct zstd {
	struct sink base;
	struct sink *next;
	ZSTD_CCtx *library;
	bool begun;
	uint8_t out[OUT_SIZE];
};

static int zstd_run(struct zstd *z, const void *data, size_t n, ZSTD_EndDirective end, struct error *err)
{
	ZSTD_inBuffer in = { data, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { z->out, sizeof(z->out), 0 };

		left = ZSTD_compressStream2(z->library, &out, &in, end);
		if (ZSTD_isError(left))
			return error_set(err, 0, "zstd: %s", ZSTD_getErrorName(left));
		if (sink_write(z->next, z->out, out.pos, err) < 0)
			return -1;
	} while (in.pos < in.size || (end == ZSTD_e_end && left));
	return 0;
}

/* Signals are the main thread's: the threads that start here have them all blocked. */
static int zstd_begin(struct zstd *z, struct error *err)
{
	sigset_t all, before;
	int r;

	if (z->begun)
		return 0;
	z->begun = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = zstd_run(z, "", 0, ZSTD_e_continue, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int zstd_write(struct sink *base, const void *data, size_t n, struct error *err)
{
	struct zstd *z = (struct zstd *)base;

	return zstd_begin(z, err) < 0 ? -1 : zstd_run(z, data, n, ZSTD_e_continue, err);
}

static int zstd_finish(struct sink *base, struct error *err)
{
	struct zstd *z = (struct zstd *)base;

	return zstd_begin(z, err) < 0 ? -1 : zstd_run(z, "", 0, ZSTD_e_end, err);
}

static void zstd_free(struct sink *base)
{
	struct zstd *z = (struct zstd *)base;

	ZSTD_freeCCtx(z->library);
	free(z);
}

static bool zstd_setup(ZSTD_CCtx *library, int level, size_t processors)
{
	const struct {
		ZSTD_cParameter parameter;
		int value;
	} list[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_checksumFlag, 1 },
		{ ZSTD_c_windowLog, WINDOW_LOG },
		{ ZSTD_c_hashLog, level < HASH_LEVEL ? 0 : HASH_LOG }, /* 0: the level's, which is smaller */
	};
	int workers = processors < WORKERS_MAX ? (int)processors : WORKERS_MAX;

	for (size_t i = 0; i < array_len(list); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(library, list[i].parameter, list[i].value)))
			return false;
	/* a library that was built without threads refuses the first: it works, on one processor */
	if (!ZSTD_isError(ZSTD_CCtx_setParameter(library, ZSTD_c_nbWorkers, workers)) &&
	    ZSTD_isError(ZSTD_CCtx_setParameter(library, ZSTD_c_jobSize, JOB)))
		return false;
	return true;
}

struct sink *zstd_sink(struct sink *next, int level, size_t processors, struct error *err)
{
	struct zstd *z = calloc(1, sizeof(*z));

	if (z) {
		z->base = (struct sink){ .write = zstd_write, .finish = zstd_finish, .free = zstd_free };
		z->next = next;
		z->library = ZSTD_createCCtx();
		if (z->library && zstd_setup(z->library, level ? level : LEVEL, processors))
			return &z->base;
		zstd_free(&z->base);
	}
	error_set(err, ENOMEM, "zstd");
	return NULL;
}
