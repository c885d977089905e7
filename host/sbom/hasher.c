/* A ring of parts between two threads. The reader fills the part at `head` and hands it over; the hasher's thread takes
 * those from `tail` on. A part is of one file, and says whether it is the file's last. Only the two counts are shared;
 * they change under the lock. */
#include "hasher.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 16, PART = 64 << 10 };

struct part {
	size_t len;
	bool last;
	uint8_t data[PART];
};

struct hasher {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	size_t head, tail; /* parts handed over, and done with */
	bool closing;
	struct part *parts;
	/* the reader's */
	size_t fill; /* bytes in the part at head */
	size_t files;
	/* the thread's, until the ring is empty */
	EVP_MD_CTX *sha1, *sha256;
	struct hashes *results;
	size_t count, room;
	bool failed;
};

static bool digests_begin(struct hasher *h)
{
	return EVP_DigestInit_ex(h->sha1, EVP_sha1(), NULL) == 1 &&
		EVP_DigestInit_ex(h->sha256, EVP_sha256(), NULL) == 1;
}

static bool file_end(struct hasher *h)
{
	if (h->count == h->room) {
		size_t room = h->room ? 2 * h->room : 256;
		struct hashes *grown = realloc(h->results, room * sizeof(*grown));

		if (!grown)
			return false;
		h->results = grown;
		h->room = room;
	}
	if (EVP_DigestFinal_ex(h->sha1, h->results[h->count].sha1, NULL) != 1 ||
	    EVP_DigestFinal_ex(h->sha256, h->results[h->count].sha256, NULL) != 1)
		return false;
	h->count++;
	return digests_begin(h);
}

static bool part_hash(struct hasher *h, const struct part *p)
{
	return EVP_DigestUpdate(h->sha1, p->data, p->len) == 1 && EVP_DigestUpdate(h->sha256, p->data, p->len) == 1 &&
		(!p->last || file_end(h));
}

static void *hasher_run(void *data)
{
	struct hasher *h = data;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		while (h->tail == h->head && !h->closing)
			pthread_cond_wait(&h->filled, &h->lock);
		if (h->tail == h->head)
			break;
		pthread_mutex_unlock(&h->lock);
		h->failed = h->failed || !part_hash(h, &h->parts[h->tail % PARTS]);
		pthread_mutex_lock(&h->lock);
		h->tail++;
		pthread_cond_signal(&h->emptied);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* Signals are the main thread's. */
static int thread_start(struct hasher *h)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&h->thread, NULL, hasher_run, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void hasher_release(struct hasher *h)
{
	EVP_MD_CTX_free(h->sha1);
	EVP_MD_CTX_free(h->sha256);
	pthread_cond_destroy(&h->filled);
	pthread_cond_destroy(&h->emptied);
	pthread_mutex_destroy(&h->lock);
	free(h->parts);
	free(h->results);
	free(h);
}

struct hasher *hasher_new(struct error *err)
{
	struct hasher *h = calloc(1, sizeof(*h));
	int r = ENOMEM;

	if (h) {
		pthread_mutex_init(&h->lock, NULL);
		pthread_cond_init(&h->filled, NULL);
		pthread_cond_init(&h->emptied, NULL);
		h->parts = malloc(PARTS * sizeof(*h->parts));
		h->sha1 = EVP_MD_CTX_new();
		h->sha256 = EVP_MD_CTX_new();
		if (h->parts && h->sha1 && h->sha256 && digests_begin(h))
			r = thread_start(h);
		if (r == 0)
			return h;
		hasher_release(h);
	}
	error_set(err, r, "computing digests");
	return NULL;
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	pthread_cond_signal(&h->filled);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	hasher_release(h);
}

/* Hands the part at head over, and waits until the next one is free. */
static void part_give(struct hasher *h, bool last)
{
	struct part *p = &h->parts[h->head % PARTS];

	p->len = h->fill;
	p->last = last;
	h->fill = 0;
	pthread_mutex_lock(&h->lock);
	h->head++;
	pthread_cond_signal(&h->filled);
	while (h->head - h->tail == PARTS)
		pthread_cond_wait(&h->emptied, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

void hasher_add(struct hasher *h, const void *data, size_t n)
{
	const uint8_t *bytes = data;

	while (n) {
		size_t part = n < PART - h->fill ? n : PART - h->fill;

		memcpy(h->parts[h->head % PARTS].data + h->fill, bytes, part);
		h->fill += part;
		bytes += part;
		n -= part;
		if (h->fill == PART)
			part_give(h, false);
	}
}

size_t hasher_end(struct hasher *h)
{
	part_give(h, true);
	return h->files++;
}

const struct hashes *hasher_results(struct hasher *h, struct error *err)
{
	pthread_mutex_lock(&h->lock);
	while (h->tail != h->head)
		pthread_cond_wait(&h->emptied, &h->lock);
	pthread_mutex_unlock(&h->lock);
	if (!h->failed && h->count == h->files)
		return h->results;
	error_set(err, 0, "cannot compute digests");
	return NULL;
}
