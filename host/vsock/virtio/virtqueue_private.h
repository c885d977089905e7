/* What the files of the virtqueue share; not for others. */
#pragma once

#include <assert.h>
#include <string.h>

#include "virtqueue.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian");

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	union {
		struct {
			uint16_t flags, next;
		} split;
		struct {
			uint16_t id, flags;
		} packed;
	};
};
static_assert(sizeof(struct vring_desc) == 16, "descriptor");

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };

/* A copy that the driver cannot change any more, and that the compiler may not read again from the ring. */
static inline struct vring_desc desc_read(const uint8_t *table, size_t i)
{
	struct vring_desc d;

	memcpy(&d, table + i * sizeof(d), sizeof(d));
	__asm__ volatile("" : "+m"(d));
	return d;
}

static inline uint16_t ring_load(const uint8_t *p)
{
	return __atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE);
}
static inline void ring_store(uint8_t *p, uint16_t v)
{
	__atomic_store_n((uint16_t *)p, v, __ATOMIC_RELEASE);
}
static inline void ring_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Who calls whom: virtqueue (split rings, and the door) -> packed -> inflight -> chain. */

/* Marks the ring broken; -1. why is static text. */
int virtqueue_break(struct virtqueue *vq, const char *why);
/* Adds what a descriptor points to. max: places of chain->iov. */
int chain_add(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max, uint64_t addr, uint32_t len, bool write);
/* The table that an indirect descriptor points to and its number of entries; NULL: the ring is broken now. */
const uint8_t *chain_indirect_table(struct virtqueue *vq, uint64_t addr, uint32_t len, uint32_t *count);
/* Walks a chain of the split descriptor table from its head. */
int chain_walk_split(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max);
/* The pieces of one descriptor of a packed chain, which may be an indirect table. */
int chain_add_packed(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max, const struct vring_desc *d);

int packed_pop(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max);
void packed_unpop(struct virtqueue *vq, const struct virtqueue_chain *chain);
void packed_push(struct virtqueue *vq, const struct virtqueue_chain *chain, uint32_t written);
bool packed_flush(struct virtqueue *vq);
bool packed_pending(const struct virtqueue *vq);
void packed_kicks(struct virtqueue *vq, bool on);

/* All of these do nothing without a record. */
void inflight_take(struct virtqueue *vq, struct virtqueue_chain *chain);
void inflight_take_packed(struct virtqueue *vq, struct virtqueue_chain *chain, const struct vring_desc *d, bool last);
void inflight_untake(struct virtqueue *vq, const struct virtqueue_chain *chain);
void inflight_give(struct virtqueue *vq, const struct virtqueue_chain *chain);
void inflight_commit(struct virtqueue *vq);
/* Notes what the driver is about to be shown (packed). */
void inflight_prepare(struct virtqueue *vq);
/* Hands out a chain of an earlier life. */
int inflight_again(struct virtqueue *vq, struct virtqueue_chain *chain, size_t max);
