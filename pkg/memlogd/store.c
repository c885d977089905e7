#include "store.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring.h"
#include "slot.h"

#define STORE_MAGIC UINT64_C(0x31676f6c6d656d70)

enum { PAGE = 4096 };

int store_memory(struct error *err)
{
	int fd = memfd_create("memlogd", MFD_CLOEXEC);

	return fd < 0 ? error_set(err, errno, "memory for the log") : fd;
}

static uint64_t pages_round(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

static struct store_head head_of(const struct store_limits *limits)
{
	struct store_head head = { .magic = STORE_MAGIC,
				   .limits = *limits,
				   .ring_size = pages_round(limits->bytes),
				   .slot_size = slot_size(limits) };
	uint64_t least = sizeof(struct ring_record) + STORE_NAME + limits->line_len;

	/* Some of the longest lines have to fit. */
	least = pages_round(least * 4);
	if (head.ring_size < least)
		head.ring_size = least;
	return head;
}

/* The sizes of the four parts, in the order in which they lie in the memory. */
struct parts {
	uint64_t head, ring, slots;
};

static struct parts parts_of(const struct store_head *h)
{
	return (struct parts){ .head = PAGE + pages_round(h->limits.sources * sizeof(struct store_entry)),
			       .ring = h->ring_size,
			       .slots = h->limits.sources * h->slot_size };
}

static int piece_map(uint8_t *at, uint64_t size, int fd, uint64_t offset)
{
	return mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED ? -1 : 0;
}

static int store_map(struct store *s, int fd, const struct parts *p, struct error *err)
{
	uint8_t *at = mmap(NULL, p->head + 2 * p->ring + p->slots, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED || piece_map(at, p->head + p->ring, fd, 0) < 0 ||
	    piece_map(at + p->head + p->ring, p->ring, fd, p->head) < 0 ||
	    piece_map(at + p->head + 2 * p->ring, p->slots, fd, p->head + p->ring) < 0)
		return error_set(err, errno, "map the log's memory");
	s->head = (struct store_head *)(void *)at;
	s->table = (struct store_entry *)(void *)(at + PAGE);
	s->ring = at + p->head;
	s->slots = at + p->head + 2 * p->ring;
	return 0;
}

/* What the last one had begun and not ended. */
static int store_complete(struct store *s)
{
	struct store_head *h = s->head;

	if (ring_check(s) < 0)
		return -1;
	if (h->intent.end && h->intent.end == h->end) {
		if (h->intent.slot >= h->limits.sources || s->table[h->intent.slot].live != 1)
			return -1;
		store_set(&slot_at(s, h->intent.slot)->state, h->intent.state);
	}
	store_set(&h->intent.end, 0);
	for (uint32_t i = 0; i < h->limits.sources; i++)
		if (s->table[i].live && slot_check(s, i) < 0)
			return -1;
	return 0;
}

static int store_begin(struct store *s, int fd, const struct store_head *want, uint64_t size, struct error *err)
{
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0)
		return error_set(err, errno, "the log's memory");
	*s->head = *want;
	return 0;
}

static int limits_same(const struct store_limits *a, const struct store_limits *b)
{
	return a->lines == b->lines && a->line_len == b->line_len && a->bytes == b->bytes && a->sources == b->sources;
}

int store_open(struct store *s, int fd, const struct store_limits *limits, int *fresh, struct error *err)
{
	struct store_head want = head_of(limits);
	struct parts parts = parts_of(&want);
	uint64_t size = parts.head + parts.ring + parts.slots;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "the log's memory");
	*fresh = (uint64_t)st.st_size != size;
	if (*fresh && (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0))
		return error_set(err, errno, "the log's memory");
	if (store_map(s, fd, &parts, err) < 0)
		return -1;
	if (!*fresh && s->head->magic == want.magic && limits_same(&s->head->limits, limits) &&
	    s->head->ring_size == want.ring_size && s->head->slot_size == want.slot_size && store_complete(s) == 0)
		return 0;
	*fresh = 1;
	return store_begin(s, fd, &want, size, err);
}
