/* gzip on all processors. The bytes are cut into blocks, each of which is compressed by itself, with the end of the one
 * before as its dictionary, and ends where a byte does (a sync flush): one after the other they are one deflate stream
 * (RFC 1951), as pigz makes it. The cuts are at fixed places, so that the result does not depend on the number of
 * processors.
 *
 *   gzip_write()   fills the block at `head`; a full one is given to the threads (block_give), which starts them
 *   worker_run()   takes the first block that waits, compresses it
 *   block_take()   the oldest block, when it is done, goes to the next sink: in order
 *   gzip_finish()  the last block is compressed here, behind all others; then the checksum and the length
 *
 * A block belongs to the writer while it is EMPTY, to the threads while it WAITS or is under way, and to the writer
 * again when it is DONE. States change under the lock. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "zip_private.h"

enum { BLOCK = 128 << 10, DICTIONARY = 32 << 10, THREADS_MAX = 16, LEVEL = 6 };

enum block_state { BLOCK_EMPTY, BLOCK_WAITS, BLOCK_BUSY, BLOCK_DONE };

struct block {
	enum block_state state;
	bool last, failed;
	size_t len, before, packed; /* bytes of the block, of its dictionary, of what it has become */
	uint8_t dictionary[DICTIONARY];
	uint8_t data[BLOCK];
	uint8_t out[BLOCK + (BLOCK >> 8) + 64]; /* deflateBound() of a block, and the flush */
};

struct gzip {
	struct sink base;
	struct sink *next;
	int level;
	uint32_t sum, size; /* CRC-32 and length so far */
	bool begun;         /* the header is written */
	size_t head, tail;  /* numbers of the block that is filled, and of the oldest that is not taken */
	size_t blocks;      /* in the ring */
	struct block *ring;
	size_t threads; /* that run */
	pthread_t thread[THREADS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t waits, done;
	size_t given; /* number of the first block that no thread has looked at */
	bool closing;
};

static struct block *block_at(const struct gzip *g, size_t number)
{
	return &g->ring[number % g->blocks];
}

/* z: a raw deflate stream, as new. */
static bool block_pack(z_stream *z, struct block *b)
{
	if (b->before && deflateSetDictionary(z, b->dictionary, (uInt)b->before) != Z_OK)
		return false;
	z->next_in = b->data;
	z->avail_in = (uInt)b->len;
	z->next_out = b->out;
	z->avail_out = sizeof(b->out);
	if (deflate(z, b->last ? Z_FINISH : Z_SYNC_FLUSH) != (b->last ? Z_STREAM_END : Z_OK) || z->avail_in ||
	    !z->avail_out)
		return false;
	b->packed = sizeof(b->out) - z->avail_out;
	return deflateReset(z) == Z_OK;
}

static bool stream_begin(z_stream *z, int level)
{
	*z = (z_stream){ 0 };
	return deflateInit2(z, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

static void *worker_run(void *data)
{
	struct gzip *g = data;
	z_stream z;
	bool good = stream_begin(&z, g->level);

	pthread_mutex_lock(&g->lock);
	for (;;) {
		struct block *b;

		while (g->given == g->head && !g->closing)
			pthread_cond_wait(&g->waits, &g->lock);
		if (g->given == g->head)
			break;
		b = block_at(g, g->given++);
		b->state = BLOCK_BUSY;
		pthread_mutex_unlock(&g->lock);
		b->failed = !good || !block_pack(&z, b);
		pthread_mutex_lock(&g->lock);
		b->state = BLOCK_DONE;
		pthread_cond_signal(&g->done);
	}
	pthread_mutex_unlock(&g->lock);
	deflateEnd(&z);
	return NULL;
}

/* Signals are the main thread's. Fewer threads than there are processors do as well. */
static int threads_start(struct gzip *g, struct error *err)
{
	sigset_t all, before;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (r == 0 && g->threads < g->blocks / 2) {
		r = pthread_create(&g->thread[g->threads], NULL, worker_run, g);
		g->threads += r == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return g->threads ? 0 : error_set(err, r, "gzip");
}

static int packed_write(struct gzip *g, const struct block *b, struct error *err)
{
	static const uint8_t header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 }; /* no time, no name; Unix */

	if (b->failed)
		return error_set(err, 0, "gzip: compression failed");
	if (!g->begun && sink_write(g->next, header, sizeof(header), err) < 0)
		return -1;
	g->begun = true;
	return sink_write(g->next, b->out, b->packed, err);
}

/* Waits for the oldest block, and writes it. */
static int block_take(struct gzip *g, struct error *err)
{
	struct block *b = block_at(g, g->tail++);

	pthread_mutex_lock(&g->lock);
	while (b->state != BLOCK_DONE)
		pthread_cond_wait(&g->done, &g->lock);
	b->state = BLOCK_EMPTY;
	pthread_mutex_unlock(&g->lock);
	return packed_write(g, b, err);
}

/* The block at head goes to the threads, and the next one begins. */
static int block_give(struct gzip *g, struct error *err)
{
	struct block *b = block_at(g, g->head), *next = block_at(g, g->head + 1);

	if (g->head + 1 - g->tail == g->blocks && block_take(g, err) < 0)
		return -1;
	next->len = 0;
	next->before = DICTIONARY;
	memcpy(next->dictionary, b->data + b->len - DICTIONARY, DICTIONARY);
	if (!g->threads && threads_start(g, err) < 0)
		return -1;
	pthread_mutex_lock(&g->lock);
	b->state = BLOCK_WAITS;
	g->head++;
	pthread_cond_signal(&g->waits);
	pthread_mutex_unlock(&g->lock);
	return 0;
}

static int gzip_write(struct sink *base, const void *data, size_t n, struct error *err)
{
	struct gzip *g = (struct gzip *)base;
	const uint8_t *bytes = data;

	while (n) {
		struct block *b = block_at(g, g->head);
		size_t part = n < BLOCK - b->len ? n : BLOCK - b->len;

		memcpy(b->data + b->len, bytes, part);
		g->sum = (uint32_t)crc32(g->sum, bytes, (uInt)part);
		g->size += (uint32_t)part;
		b->len += part;
		bytes += part;
		n -= part;
		if (b->len == BLOCK && block_give(g, err) < 0)
			return -1;
	}
	return 0;
}

static int gzip_finish(struct sink *base, struct error *err)
{
	struct gzip *g = (struct gzip *)base;
	struct block *b = block_at(g, g->head);
	uint8_t end[8];
	z_stream z;

	while (g->tail < g->head)
		if (block_take(g, err) < 0)
			return -1;
	b->last = true;
	b->failed = !stream_begin(&z, g->level) || !block_pack(&z, b);
	deflateEnd(&z);
	if (packed_write(g, b, err) < 0)
		return -1;
	for (int i = 0; i < 4; i++) {
		end[i] = (uint8_t)(g->sum >> 8 * i);
		end[4 + i] = (uint8_t)(g->size >> 8 * i);
	}
	return sink_write(g->next, end, sizeof(end), err);
}

static void gzip_free(struct sink *base)
{
	struct gzip *g = (struct gzip *)base;

	pthread_mutex_lock(&g->lock);
	g->closing = true;
	pthread_cond_broadcast(&g->waits);
	pthread_mutex_unlock(&g->lock);
	for (size_t i = 0; i < g->threads; i++)
		pthread_join(g->thread[i], NULL);
	pthread_cond_destroy(&g->waits);
	pthread_cond_destroy(&g->done);
	pthread_mutex_destroy(&g->lock);
	free(g->ring);
	free(g);
}

struct sink *gzip_sink(struct sink *next, int level, size_t processors, struct error *err)
{
	struct gzip *g = calloc(1, sizeof(*g));
	size_t threads = processors < THREADS_MAX ? processors : THREADS_MAX;

	if (g) {
		g->base = (struct sink){ .write = gzip_write, .finish = gzip_finish, .free = gzip_free };
		g->next = next;
		g->level = level ? level : LEVEL;
		g->blocks = 2 * threads;
		pthread_mutex_init(&g->lock, NULL);
		pthread_cond_init(&g->waits, NULL);
		pthread_cond_init(&g->done, NULL);
		g->ring = calloc(g->blocks, sizeof(*g->ring));
		if (g->ring)
			return &g->base;
		gzip_free(&g->base);
	}
	error_set(err, ENOMEM, "gzip");
	return NULL;
}
