/* Guest memory as the vhost-user front-end shares it: regions that are contiguous in guest physical addresses, in the
 * front-end's own ("user") addresses and, mapped, here. Only looks things up: mapping is the caller's business.
 * Every answer lies wholly inside mapped regions, whatever address and length a guest asks for. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "error.h"

enum { GUEST_REGIONS_MAX = 128 };

struct guest_region {
	uint64_t guest; /* guest physical address */
	uint64_t user;  /* the front-end's address */
	uint64_t size;  /* bytes */
	uint8_t *base;  /* its first byte here */
	void *map;      /* the mapping that it is part of: the caller's notes */
	size_t map_len;
};

/* Zero-initialised is empty. Sorted by guest address. */
struct guest_memory {
	struct guest_region regions[GUEST_REGIONS_MAX];
	size_t count;
};

/* Refuses an empty region, one that wraps around, one that overlaps another, and one too many. */
int guest_memory_add(struct guest_memory *m, const struct guest_region *r, struct error *err);
/* Takes out the region with exactly these numbers and gives it back in *out for the caller to unmap. */
int guest_memory_remove(struct guest_memory *m, const struct guest_region *r, struct guest_region *out,
			struct error *err);

/* len bytes at a guest address, contiguous here; NULL when they are not all in one region. */
void *guest_memory_at(const struct guest_memory *m, uint64_t guest, uint64_t len);
/* The same for an address of the front-end. */
void *guest_memory_user(const struct guest_memory *m, uint64_t user, uint64_t len);
/* The pieces of [guest, guest + len), which may span adjacent regions. Number of pieces (0 for len 0),
 * or -1: not all memory, or more than max pieces. */
ssize_t guest_memory_iov(const struct guest_memory *m, uint64_t guest, uint64_t len, struct iovec *iov, size_t max);
