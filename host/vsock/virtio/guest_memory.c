#include "guest_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Where a region at this guest address is, or would go. */
static size_t guest_memory_place(const struct guest_memory *m, uint64_t guest)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->regions[mid].guest <= guest)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int guest_memory_add(struct guest_memory *m, const struct guest_region *r, struct error *err)
{
	size_t at = guest_memory_place(m, r->guest);

	if (r->size == 0 || r->guest + r->size < r->guest || r->user + r->size < r->user)
		return error_set(err, EINVAL, "memory region at 0x%" PRIx64 " of %" PRIu64 " bytes", r->guest, r->size);
	if (m->count == GUEST_REGIONS_MAX)
		return error_set(err, ENOSPC, "more than %d memory regions", GUEST_REGIONS_MAX);
	if ((at > 0 && m->regions[at - 1].guest + m->regions[at - 1].size > r->guest) ||
	    (at < m->count && r->guest + r->size > m->regions[at].guest))
		return error_set(err, EEXIST, "memory region at 0x%" PRIx64 " overlaps another", r->guest);
	memmove(&m->regions[at + 1], &m->regions[at], (m->count - at) * sizeof(*r));
	m->regions[at] = *r;
	m->count++;
	return 0;
}

int guest_memory_remove(struct guest_memory *m, const struct guest_region *r, struct guest_region *out,
			struct error *err)
{
	size_t at = guest_memory_place(m, r->guest);
	const struct guest_region *found = at > 0 ? &m->regions[at - 1] : NULL;

	if (!found || found->guest != r->guest || found->user != r->user || found->size != r->size)
		return error_set(err, ENOENT, "no memory region at 0x%" PRIx64 " of %" PRIu64 " bytes", r->guest,
				 r->size);
	*out = *found;
	memmove(&m->regions[at - 1], &m->regions[at], (m->count - at) * sizeof(*r));
	m->count--;
	return 0;
}

static const struct guest_region *region_of(const struct guest_memory *m, uint64_t guest)
{
	size_t at = guest_memory_place(m, guest);

	if (at == 0 || guest - m->regions[at - 1].guest >= m->regions[at - 1].size)
		return NULL;
	return &m->regions[at - 1];
}

void *guest_memory_at(const struct guest_memory *m, uint64_t guest, uint64_t len)
{
	const struct guest_region *r = region_of(m, guest);

	if (!r || len > r->size - (guest - r->guest))
		return NULL;
	return r->base + (guest - r->guest);
}

void *guest_memory_user(const struct guest_memory *m, uint64_t user, uint64_t len)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		const struct guest_region *r = &m->regions[i];

		if (user >= r->user && user - r->user < r->size && len <= r->size - (user - r->user))
			return r->base + (user - r->user);
	}
	return NULL;
}

ssize_t guest_memory_iov(const struct guest_memory *m, uint64_t guest, uint64_t len, struct iovec *iov, size_t max)
{
	size_t n = 0;

	while (len > 0) {
		const struct guest_region *r = region_of(m, guest);
		uint64_t offset, part;

		if (!r || n == max)
			return -1;
		offset = guest - r->guest;
		part = len < r->size - offset ? len : r->size - offset;
		iov[n++] = (struct iovec){ r->base + offset, part };
		guest += part;
		len -= part;
	}
	return (ssize_t)n;
}
