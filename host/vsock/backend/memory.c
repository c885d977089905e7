/* Memory that the front-end shares: mapped whole, from its start, since huge pages map at no other offset. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "backend_private.h"

/* The file must have all the bytes: touching what is beyond its end would kill this process. */
static void *map_file(int fd, uint64_t offset, uint64_t size, size_t *len, struct error *err)
{
	struct stat st;
	uint64_t end;
	void *p;

	if (__builtin_add_overflow(offset, size, &end) || size == 0 || end > SIZE_MAX / 2) {
		error_set(err, EINVAL, "memory of %" PRIu64 " bytes at offset %" PRIu64, size, offset);
		return NULL;
	}
	if (fstat(fd, &st) < 0 || (S_ISREG(st.st_mode) && (uint64_t)st.st_size < end)) {
		error_set(err, EINVAL, "memory of %" PRIu64 " bytes at offset %" PRIu64 ": the file is shorter", size,
			  offset);
		return NULL;
	}
	p = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED) {
		error_set(err, errno, "map %" PRIu64 " bytes of memory", end);
		return NULL;
	}
	*len = end;
	return p;
}

static int add_to(struct guest_memory *m, const struct vhost_user_region *r, int fd, struct error *err)
{
	struct guest_region g = { .guest = r->guest, .user = r->user, .size = r->size };

	g.map = map_file(fd, r->offset, r->size, &g.map_len, err);
	if (!g.map)
		return -1;
	g.base = (uint8_t *)g.map + r->offset;
	if (guest_memory_add(m, &g, err) < 0) {
		munmap(g.map, g.map_len);
		return -1;
	}
	/* A core dump without the guest's memory is enough; older kernels may not know the advice. */
	(void)madvise(g.map, g.map_len, MADV_DONTDUMP);
	return 0;
}

static void unmap_all(struct guest_memory *m)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		munmap(m->regions[i].map, m->regions[i].map_len);
	m->count = 0;
}

int memory_set_table(struct backend *b, const struct vhost_user_message *m, const int *fds, struct error *err)
{
	struct guest_memory old = b->memory, new = { 0 };
	uint32_t i;

	for (i = 0; i < m->table.count; i++) {
		if (add_to(&new, &m->table.regions[i], fds[i], err) < 0) {
			unmap_all(&new);
			return -1;
		}
	}
	b->memory = new;
	rings_remap(b);
	unmap_all(&old);
	return 0;
}

int memory_add(struct backend *b, const struct vhost_user_region *r, int fd, struct error *err)
{
	return add_to(&b->memory, r, fd, err);
}

int memory_remove(struct backend *b, const struct vhost_user_region *r, struct error *err)
{
	struct guest_region key = { .guest = r->guest, .user = r->user, .size = r->size }, gone;

	if (guest_memory_remove(&b->memory, &key, &gone, err) < 0)
		return -1;
	rings_remap(b);
	munmap(gone.map, gone.map_len);
	return 0;
}

void memory_clear(struct backend *b)
{
	unmap_all(&b->memory);
}

/* --- in-flight record ------------------------------------------------------------------------------------------ */

/* The same place for a queue whether its ring is split or packed, which may not be known yet. */
static int inflight_use(struct backend *b, const struct vhost_user_message *m, int fd, uint64_t size, struct error *err)
{
	size_t len, stride = virtqueue_inflight_size(true, m->inflight.queue_size);
	uint8_t *map;

	if (m->inflight.queues == 0 || m->inflight.queues > VSOCK_QUEUES || m->inflight.queue_size == 0 ||
	    m->inflight.queue_size > INFLIGHT_QUEUE_MAX || size < stride * m->inflight.queues)
		return error_set(err, EINVAL, "in-flight record of %" PRIu64 " bytes for %u queues of %u", size,
				 m->inflight.queues, m->inflight.queue_size);
	map = map_file(fd, 0, size, &len, err);
	if (!map)
		return -1;
	memory_inflight_clear(b);
	b->inflight = map;
	b->inflight_len = len;
	b->inflight_stride = stride;
	b->inflight_queues = m->inflight.queues;
	b->inflight_queue_size = m->inflight.queue_size;
	return 0;
}

int memory_inflight_set(struct backend *b, const struct vhost_user_message *m, int fd, struct error *err)
{
	/* It was made here, or by another life of this program: it starts where the file does. */
	if (m->inflight.offset != 0)
		return error_set(err, EINVAL, "in-flight record at offset %" PRIu64, m->inflight.offset);
	return inflight_use(b, m, fd, m->inflight.size, err);
}

int memory_inflight_new(struct backend *b, const struct vhost_user_message *m, struct error *err)
{
	uint64_t size = virtqueue_inflight_size(true, m->inflight.queue_size) * (uint64_t)m->inflight.queues;
	_cleanup_close_ int fd = memfd_create("vsock-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || size == 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return error_set(err, size == 0 ? EINVAL : errno, "in-flight record");
	if (inflight_use(b, m, fd, size, err) < 0)
		return -1;
	return steal_fd(&fd);
}

void memory_inflight_clear(struct backend *b)
{
	struct vring *r;

	if (!b->inflight)
		return;
	/* A ring that runs loses its record, not its place. */
	for (r = b->rings; r < b->rings + VSOCK_QUEUES; r++)
		virtqueue_inflight_detach(&r->vq);
	munmap(b->inflight, b->inflight_len);
	b->inflight = NULL;
}
