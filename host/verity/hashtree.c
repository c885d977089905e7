/* One kind of work, done twice and more: a span of 128 blocks is digested, and what comes of that is put where it
 * belongs.
 *
 *   salt_make()    each span as one, into a table; the digest of the table is the salt
 *   level_make()   each block of a span by itself, with the salt: they fill one block of the level above
 *
 * Threads take spans from a counter until none is left; the caller's is one of them, so that it works without any other
 * as well. They share the work's description, which does not change, the counter, and the first error. */
#include "hashtree.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "progress.h"

enum { SPAN = VERITY_FAN * VERITY_BLOCK, THREADS_MAX = 16 };

struct work {
	int fd;
	uint64_t from, count; /* blocks to digest */
	uint64_t to;          /* where the level above begins; unused for the salt */
	const uint8_t *salt;  /* NULL: it is the salt that is made */
	uint8_t *table;       /* a digest for each span, for that */
	const EVP_MD *sha256;
	atomic_uint_fast64_t next; /* span */
	atomic_int failed;         /* errno */
};

static uint64_t spans_of(uint64_t blocks)
{
	return (blocks + VERITY_FAN - 1) / VERITY_FAN;
}

static bool digest_make(const struct work *w, EVP_MD_CTX *c, const uint8_t *data, size_t n, uint8_t *out)
{
	return EVP_DigestInit_ex2(c, w->sha256, NULL) == 1 &&
		(!w->salt || EVP_DigestUpdate(c, w->salt, VERITY_SALT) == 1) && EVP_DigestUpdate(c, data, n) == 1 &&
		EVP_DigestFinal_ex(c, out, NULL) == 1;
}

/* errno, 0: it is done. */
static int span_do(const struct work *w, EVP_MD_CTX *c, uint64_t span, uint8_t *data)
{
	uint64_t first = span * VERITY_FAN, n = w->count - first < VERITY_FAN ? w->count - first : VERITY_FAN;
	uint8_t block[VERITY_BLOCK] = { 0 };
	ssize_t got = io_pread(w->fd, data, n * VERITY_BLOCK, (off_t)((w->from + first) * VERITY_BLOCK));

	if (got != (ssize_t)(n * VERITY_BLOCK))
		return got < 0 ? errno : EIO;
	if (!w->salt)
		return digest_make(w, c, data, n * VERITY_BLOCK, w->table + span * VERITY_DIGEST) ? 0 : ENOMEM;
	for (uint64_t i = 0; i < n; i++)
		if (!digest_make(w, c, data + i * VERITY_BLOCK, VERITY_BLOCK, block + i * VERITY_DIGEST))
			return ENOMEM;
	if (pwrite(w->fd, block, sizeof(block), (off_t)((w->to + span) * VERITY_BLOCK)) != (ssize_t)sizeof(block))
		return errno ? errno : EIO;
	return 0;
}

static void *work_do(void *data)
{
	struct work *w = data;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t *room = malloc(SPAN);
	uint64_t span;
	int wrong = c && room ? 0 : ENOMEM, none = 0;

	while (!wrong && !atomic_load(&w->failed) && (span = atomic_fetch_add(&w->next, 1)) < spans_of(w->count)) {
		errno = 0;
		wrong = span_do(w, c, span, room);
	}
	if (wrong)
		atomic_compare_exchange_strong(&w->failed, &none, wrong);
	free(room);
	EVP_MD_CTX_free(c);
	return NULL;
}

/* Signals are the main thread's. Fewer threads than there are processors do as well. */
static int work_run(struct work *w, struct error *err)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t most = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (uint64_t)processors;
	pthread_t threads[THREADS_MAX];
	sigset_t all, before;
	size_t n = 0;

	if (most > spans_of(w->count))
		most = spans_of(w->count);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (n + 1 < most && pthread_create(&threads[n], NULL, work_do, w) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	work_do(w);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return w->failed ? error_set(err, w->failed, "hash tree") : 0;
}

static int salt_make(int fd, const EVP_MD *sha256, struct verity *v, struct error *err)
{
	size_t size = spans_of(v->blocks) * VERITY_DIGEST;
	_cleanup_free_ uint8_t *table = malloc(size);
	struct work w = { .fd = fd, .count = v->blocks, .table = table, .sha256 = sha256 };

	if (!table)
		return error_set(err, ENOMEM, "hash tree");
	if (work_run(&w, err) < 0)
		return -1;
	return EVP_Digest(table, size, v->salt, NULL, sha256, NULL) == 1 ? 0 : error_set(err, ENOMEM, "hash tree");
}

static int level_make(int fd, const EVP_MD *sha256, const struct verity *v, unsigned level, struct error *err)
{
	struct work w = { .fd = fd,
			  .from = level ? verity_level_start(v->blocks, level - 1) : 0,
			  .count = level ? verity_level(v->blocks, level - 1) : v->blocks,
			  .to = verity_level_start(v->blocks, level),
			  .salt = v->salt,
			  .sha256 = sha256 };

	return work_run(&w, err);
}

/* Of the block above which there is none. */
static int root_make(int fd, const EVP_MD *sha256, uint64_t at, struct verity *v, struct error *err)
{
	uint8_t bytes[VERITY_SALT + VERITY_BLOCK];

	memcpy(bytes, v->salt, VERITY_SALT);
	if (io_pread(fd, bytes + VERITY_SALT, VERITY_BLOCK, (off_t)(at * VERITY_BLOCK)) != VERITY_BLOCK)
		return error_set(err, errno, "hash tree");
	if (EVP_Digest(bytes, sizeof(bytes), v->root, NULL, sha256, NULL) != 1)
		return error_set(err, ENOMEM, "hash tree");
	return 0;
}

static int tree_append(int fd, const EVP_MD *sha256, struct verity *v, struct error *err)
{
	uint8_t superblock[VERITY_BLOCK];
	unsigned level;

	if (salt_make(fd, sha256, v, err) < 0)
		return -1;
	verity_superblock(v, superblock);
	if (pwrite(fd, superblock, sizeof(superblock), (off_t)(v->blocks * VERITY_BLOCK)) !=
	    (ssize_t)sizeof(superblock))
		return error_set(err, errno, "hash tree");
	for (level = 0; verity_level(v->blocks, level) > 0; level++)
		if (level_make(fd, sha256, v, level, err) < 0)
			return -1;
	return root_make(fd, sha256, level ? v->blocks + 1 : 0, v, err);
}

int hashtree_append(int fd, struct verity *out, struct error *err)
{
	_cleanup_progress_ struct progress progress = { 0 };
	EVP_MD *sha256;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "hash tree");
	out->blocks = ((uint64_t)st.st_size + VERITY_BLOCK - 1) / VERITY_BLOCK;
	if (out->blocks == 0)
		return error_say(err, EINVAL, "hash tree: the image is empty");
	/* a full disk is noticed here, not in a thread */
	r = posix_fallocate(fd, 0, (off_t)(verity_total(out->blocks) * VERITY_BLOCK));
	if (r)
		return error_set(err, r, "hash tree");
	progress_begin(&progress, 0, 0, "hashing the root");
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		return error_say(err, ENOTSUP, "hash tree: OpenSSL has no SHA-256");
	r = tree_append(fd, sha256, out, err);
	EVP_MD_free(sha256);
	return r;
}
