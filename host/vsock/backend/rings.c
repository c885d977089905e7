#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "backend_private.h"
#include "io.h"
#include "log.h"

static const char *const ring_names[VSOCK_QUEUES] = {
	[VSOCK_RX] = "receive", [VSOCK_TX] = "transmit", [VSOCK_EVENT] = "event"
};

/* --- notifications ----------------------------------------------------------------------------------------------- */

/* A counter that is full, or a pipe that nobody reads, has told the front-end already. */
static void fd_signal(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static void ring_notify(void *data, enum vsock_queue which)
{
	struct backend *b = data;

	fd_signal(b->rings[which].call);
}

static void ring_broken(void *data, enum vsock_queue which, const char *why)
{
	struct backend *b = data;

	log_warn("vsock: the guest's %s ring makes no sense (%s): its connections are closed, until it starts anew",
		 ring_names[which], why);
	b->rings[which].was = false;
	fd_signal(b->rings[which].err);
}

static void ring_kicked(struct loop_io *io, uint32_t events)
{
	struct vring *r = io->data;
	uint64_t count;
	ssize_t n = read(io->fd, &count, sizeof(count));

	(void)events;
	if (n == 0) /* a pipe whose other end is closed would be ready for ever */
		loop_io_remove(io);
	device_wake(r->backend->dev);
}

static void fd_replace(int *to, int fd)
{
	if (*to >= 0)
		close(*to);
	*to = fd;
}

static void kick_replace(struct vring *r, int fd)
{
	loop_io_remove(&r->kick);
	fd_replace(&r->kick.fd, fd);
}

/* --- start and stop ---------------------------------------------------------------------------------------------- */

static bool ring_same(const struct vring *r)
{
	const struct virtqueue_layout *a = &r->stopped, *b = &r->layout;

	return r->was && a->size == b->size && a->desc == b->desc && a->driver == b->driver && a->device == b->device &&
		a->features == b->features && a->base == b->base;
}

static void ring_show(struct vring *r)
{
	device_ring(r->backend->dev, r->which, r->vq.started && r->enabled && !r->vq.broken ? &r->vq : NULL);
}

static int ring_start(struct vring *r, struct error *err)
{
	struct backend *b = r->backend;
	bool known = r->was;

	r->layout.features = b->features;
	if (virtqueue_start(&r->vq, &b->memory, &r->layout, err) < 0)
		return error_wrap(err, "%s ring", ring_names[r->which]);
	if (b->inflight && r->which < b->inflight_queues && r->layout.size <= b->inflight_queue_size &&
	    virtqueue_inflight_attach(&r->vq, b->inflight + r->which * b->inflight_stride, err) < 0) {
		virtqueue_stop(&r->vq);
		return error_wrap(err, "%s ring", ring_names[r->which]);
	}
	if (known && !ring_same(r))
		device_reset(b->dev);
	else if (!known && r->layout.base != 0 && r->which != VSOCK_EVENT)
		device_lost(b->dev);
	r->was = false;
	if (!(b->features & VHOST_USER_F_PROTOCOL_FEATURES))
		r->enabled = true;
	return 0;
}

uint32_t ring_stop(struct vring *r, bool asked)
{
	bool ran = r->vq.started;

	device_ring(r->backend->dev, r->which, NULL);
	kick_replace(r, -1);
	if (!ran)
		return r->layout.base;
	if (virtqueue_flush(&r->vq))
		fd_signal(r->call);
	if (asked)
		virtqueue_inflight_clear(&r->vq);
	r->layout.base = virtqueue_stop(&r->vq);
	r->stopped = r->layout;
	r->was = !r->vq.broken;
	return r->layout.base;
}

struct vring *ring_of(struct backend *b, uint32_t index, struct error *err)
{
	if (index < VSOCK_QUEUES)
		return &b->rings[index];
	error_set(err, EINVAL, "no queue %" PRIu32, index);
	return NULL;
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static int addr_set(struct vring *r, const struct vhost_user_message *m, struct error *err)
{
	r->layout.desc = m->addr.desc;
	r->layout.driver = m->addr.avail;
	r->layout.device = m->addr.used;
	return r->vq.started ? virtqueue_remap(&r->vq, &r->layout, err) : 0;
}

static int kick_set(struct vring *r, const struct vhost_user_message *m, int fd, struct error *err)
{
	kick_replace(r, fd);
	if (m->vring_fd.no_fd)
		return error_set(err, ENOTSUP, "%s ring without a kick descriptor", ring_names[r->which]);
	if (io_nonblock(fd) < 0)
		return error_set(err, errno, "kick descriptor");
	if (!r->vq.started && ring_start(r, err) < 0)
		return -1;
	r->kick.events = EPOLLIN;
	r->kick.fn = ring_kicked;
	r->kick.data = r;
	if (loop_io_add(r->backend->loop, &r->kick, err) < 0)
		return -1;
	ring_show(r);
	return 0;
}

static int num_set(struct vring *r, uint32_t num, struct error *err)
{
	if (num == 0 || num > VIRTQUEUE_SIZE_MAX)
		return error_set(err, EINVAL, "%s ring of %" PRIu32 " entries", ring_names[r->which], num);
	r->layout.size = (uint16_t)num;
	return 0;
}

int rings_message(struct backend *b, const struct vhost_user_message *m, int given, struct error *err)
{
	bool by_fd = m->request == VHOST_USER_SET_VRING_KICK || m->request == VHOST_USER_SET_VRING_CALL ||
		m->request == VHOST_USER_SET_VRING_ERR;
	/* the queue's number is the first field of all other payloads */
	struct vring *r = ring_of(b, by_fd ? m->vring_fd.queue : m->state.index, err);
	_cleanup_close_ int fd = given;

	if (!r)
		return -1;
	switch (m->request) {
	case VHOST_USER_SET_VRING_NUM:
		return num_set(r, m->state.num, err);
	case VHOST_USER_SET_VRING_BASE:
		r->layout.base = m->state.num;
		return 0;
	case VHOST_USER_SET_VRING_ADDR:
		return addr_set(r, m, err);
	case VHOST_USER_SET_VRING_KICK:
		return kick_set(r, m, steal_fd(&fd), err);
	case VHOST_USER_SET_VRING_CALL:
		if (fd >= 0 && io_nonblock(fd) < 0)
			return error_set(err, errno, "call descriptor");
		fd_replace(&r->call, steal_fd(&fd));
		/* What was used before may not have been heard of. */
		if (r->vq.started)
			fd_signal(r->call);
		return 0;
	case VHOST_USER_SET_VRING_ERR:
		if (fd >= 0 && io_nonblock(fd) < 0)
			return error_set(err, errno, "error descriptor");
		fd_replace(&r->err, steal_fd(&fd));
		return 0;
	case VHOST_USER_SET_VRING_ENABLE:
		r->enabled = m->state.num;
		ring_show(r);
		return 0;
	default:
		return error_set(err, ENOTSUP, "vhost-user request %u", m->request);
	}
}

/* --- all --------------------------------------------------------------------------------------------------------- */

void rings_init(struct backend *b)
{
	int i;

	for (i = 0; i < VSOCK_QUEUES; i++) {
		b->rings[i] = (struct vring){ .backend = b, .which = (enum vsock_queue)i, .call = -1, .err = -1 };
		b->rings[i].kick.fd = -1;
	}
	b->dev->ring_data = b;
	b->dev->notify = ring_notify;
	b->dev->broken = ring_broken;
}

void rings_clear(struct backend *b)
{
	struct vring *r;

	for (r = b->rings; r < b->rings + VSOCK_QUEUES; r++) {
		ring_stop(r, false);
		fd_replace(&r->call, -1);
		fd_replace(&r->err, -1);
		r->layout = (struct virtqueue_layout){ 0 };
		r->enabled = false;
		r->was = false;
	}
}

void rings_remap(struct backend *b)
{
	struct vring *r;

	for (r = b->rings; r < b->rings + VSOCK_QUEUES; r++) {
		if (!r->vq.started || virtqueue_remap(&r->vq, &r->layout, NULL) == 0)
			continue;
		/* A front-end that changes the table stops its rings first, or keeps the memory of those that run. */
		log_warn("vsock: the memory of the %s ring is gone", ring_names[r->which]);
		ring_stop(r, false);
		r->was = false;
	}
}
