#include "backend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend_private.h"
#include "io.h"
#include "log.h"

/* The guest's addresses go through an IOMMU; writes to memory are logged for migration. */
#define VIRTIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define VHOST_F_LOG_ALL          (UINT64_C(1) << 26)

enum { MESSAGES_AT_ONCE = 64 };

#define FEATURES                                                                                        \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_RING_INDIRECT | VIRTIO_F_RING_EVENT_IDX | VIRTIO_F_RING_PACKED | \
	 VSOCK_F_STREAM | VSOCK_F_SEQPACKET | VHOST_USER_F_PROTOCOL_FEATURES)
#define PROTOCOL_FEATURES                                                                            \
	(VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK | VHOST_USER_PROTOCOL_F_CONFIG | \
	 VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD | VHOST_USER_PROTOCOL_F_RESET_DEVICE |                 \
	 VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS | VHOST_USER_PROTOCOL_F_STATUS)

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* An answer is small and asked for: a front-end whose socket does not take it does not listen. */
static int answer(struct backend *b, struct buf *reply, int fd, struct error *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { buf_bytes(reply), reply->len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
				       .cmsg_level = SOL_SOCKET,
				       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(b->io.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)reply->len)
		return error_set(err, n < 0 ? errno : EMSGSIZE, "vhost-user answer");
	return 0;
}

static int answer_u64(struct backend *b, uint64_t value, struct error *err)
{
	_cleanup_buf_ struct buf reply = { 0 };

	if (vhost_user_reply_u64(&reply, b->msg.request, value) < 0)
		return error_set(err, ENOMEM, "vhost-user answer");
	return answer(b, &reply, -1, err);
}

static int answer_vring_base(struct backend *b, struct error *err)
{
	_cleanup_buf_ struct buf reply = { 0 };
	struct vring *r = ring_of(b, b->msg.state.index, err);

	if (!r)
		return -1;
	if (vhost_user_reply_state(&reply, b->msg.request, b->msg.state.index, ring_stop(r, true)) < 0)
		return error_set(err, ENOMEM, "vhost-user answer");
	return answer(b, &reply, -1, err);
}

/* The whole configuration is the guest's cid; what is asked for beyond it reads as zero. */
static int answer_config(struct backend *b, struct error *err)
{
	_cleanup_buf_ struct buf reply = { 0 };
	uint8_t config[2 * VHOST_USER_CONFIG_MAX] = { 0 };
	uint32_t offset = b->msg.config.offset, size = b->msg.config.size;
	uint64_t cid = b->dev->cid;

	memcpy(config, &cid, VSOCK_CONFIG_SIZE);
	if (offset > VHOST_USER_CONFIG_MAX)
		size = 0;
	if (vhost_user_reply_config(&reply, offset, size, b->msg.config.flags, size > 0 ? config + offset : NULL) < 0)
		return error_set(err, ENOMEM, "vhost-user answer");
	return answer(b, &reply, -1, err);
}

static int answer_inflight(struct backend *b, struct error *err)
{
	_cleanup_buf_ struct buf reply = { 0 };
	_cleanup_close_ int fd = memory_inflight_new(b, &b->msg, err);

	if (fd < 0)
		return -1;
	if (vhost_user_reply_inflight(&reply, &b->msg, b->inflight_len, 0) < 0)
		return error_set(err, ENOMEM, "vhost-user answer");
	return answer(b, &reply, fd, err);
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static void reset_device(struct backend *b)
{
	rings_clear(b);
	device_reset(b->dev);
	b->status = 0;
}

/* QEMU passes on what it and the guest agreed on without asking us, such as the reset of single queues: that is no
 * concern of a back-end. What it could not do without one is refused. */
static int set_features(struct backend *b, struct error *err)
{
	uint64_t needed = b->msg.u64 & (VIRTIO_F_ACCESS_PLATFORM | VHOST_F_LOG_ALL);

	if (needed)
		return error_set(err, EINVAL, "features 0x%" PRIx64 " were not offered", needed);
	b->features = b->msg.u64 & FEATURES;
	return 0;
}

static int set_protocol_features(struct backend *b, struct error *err)
{
	uint64_t unknown = b->msg.u64 & ~PROTOCOL_FEATURES;

	if (unknown)
		return error_set(err, EINVAL, "protocol features 0x%" PRIx64 " were not offered", unknown);
	b->protocol_features = b->msg.u64;
	return 0;
}

/* Requests that have an answer of their own. 1: it was one. */
static int ask(struct backend *b, struct error *err)
{
	switch (b->msg.request) {
	case VHOST_USER_GET_FEATURES:
		return answer_u64(b, FEATURES, err) < 0 ? -1 : 1;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return answer_u64(b, PROTOCOL_FEATURES, err) < 0 ? -1 : 1;
	case VHOST_USER_GET_QUEUE_NUM:
		return answer_u64(b, VSOCK_QUEUES, err) < 0 ? -1 : 1;
	case VHOST_USER_GET_MAX_MEM_SLOTS:
		return answer_u64(b, GUEST_REGIONS_MAX, err) < 0 ? -1 : 1;
	case VHOST_USER_GET_STATUS:
		return answer_u64(b, b->status, err) < 0 ? -1 : 1;
	case VHOST_USER_GET_VRING_BASE:
		return answer_vring_base(b, err) < 0 ? -1 : 1;
	case VHOST_USER_GET_CONFIG:
		return answer_config(b, err) < 0 ? -1 : 1;
	case VHOST_USER_GET_INFLIGHT_FD:
		return answer_inflight(b, err) < 0 ? -1 : 1;
	default:
		return 0;
	}
}

static int tell(struct backend *b, struct error *err)
{
	switch (b->msg.request) {
	case VHOST_USER_SET_FEATURES:
		return set_features(b, err);
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		return set_protocol_features(b, err);
	case VHOST_USER_SET_OWNER:
	case VHOST_USER_RESET_OWNER: /* deprecated; ignoring it is what the protocol recommends */
		return 0;
	case VHOST_USER_SET_MEM_TABLE:
		return memory_set_table(b, &b->msg, b->fds, err);
	case VHOST_USER_ADD_MEM_REG:
		return memory_add(b, &b->msg.region, b->fds[0], err);
	case VHOST_USER_REM_MEM_REG:
		return memory_remove(b, &b->msg.region, err);
	case VHOST_USER_SET_INFLIGHT_FD:
		return memory_inflight_set(b, &b->msg, b->fds[0], err);
	case VHOST_USER_RESET_DEVICE:
		reset_device(b);
		return 0;
	case VHOST_USER_SET_STATUS:
		/* 0 says nothing about the guest: QEMU writes it when the machine is paused, too. */
		b->status = (uint8_t)b->msg.u64;
		return 0;
	case VHOST_USER_SET_CONFIG:
		return error_set(err, EPERM, "the configuration is read-only");
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		return rings_message(b, &b->msg, b->fd_count > 0 ? steal_fd(&b->fds[0]) : -1, err);
	default:
		return rings_message(b, &b->msg, -1, err);
	}
}

/* A request that cannot be done is answered where the front-end wants an answer; else only the end of the connection
 * tells it. */
static int handle(struct backend *b, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	const char *name = vhost_user_request_name(b->msg.request);
	bool wants = b->msg.need_reply && b->protocol_features & VHOST_USER_PROTOCOL_F_REPLY_ACK;
	int r = ask(b, &e);

	if (r > 0)
		return 0;
	if (r == 0) {
		r = tell(b, &e);
		if (wants) {
			if (r < 0)
				log_warn("vsock: vhost-user %s: %s", name ? name : "request", error_text(&e));
			return answer_u64(b, r < 0, err);
		}
		if (r < 0 && !name) { /* not asked for, and not understood: of no concern */
			log_debug("vsock: %s", error_text(&e));
			return 0;
		}
	}
	if (r < 0) {
		error_wrap(&e, "vhost-user %s", name ? name : "request");
		return error_move(err, &e);
	}
	return 0;
}

/* --- the connection ---------------------------------------------------------------------------------------------- */

static void close_fds(struct backend *b)
{
	size_t i;

	for (i = 0; i < b->fd_count; i++)
		if (b->fds[i] >= 0)
			close(b->fds[i]);
	b->fd_count = 0;
}

static void front_end_gone(struct backend *b)
{
	loop_io_remove(&b->io);
	if (b->io.fd >= 0)
		close(b->io.fd);
	b->io.fd = -1;
	close_fds(b);
	rings_clear(b);
	device_reset(b->dev);
	memory_inflight_clear(b);
	memory_clear(b);
	b->in_len = 0;
	b->features = b->protocol_features = 0;
	b->status = 0;
	if (b->listener.fd < 0)
		loop_quit(b->loop, 0);
	else if (!loop_io_active(&b->listener) && loop_io_add(b->loop, &b->listener, NULL) < 0)
		loop_quit(b->loop, 1);
}

/* Descriptors beyond those a message may have are a front-end gone wrong. */
static int take_fds(struct backend *b, struct msghdr *m, struct error *err)
{
	struct cmsghdr *c;
	int r = m->msg_flags & MSG_CTRUNC ? -1 : 0;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n, i;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (b->fd_count < VHOST_USER_FDS_MAX) {
				b->fds[b->fd_count++] = fd;
			} else {
				close(fd);
				r = -1;
			}
		}
	}
	return r < 0 ? error_set(err, EPROTO, "vhost-user message with too many descriptors") : 0;
}

/* Reads no further than the end of the current message, so that descriptors belong to it.
 * 1: some, 0: nothing there, -1: error or end. */
static int receive(struct backend *b, size_t want, struct error *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { b->in + b->in_len, want - b->in_len };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	ssize_t n = recvmsg(b->io.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return error_set(err, errno, "vhost-user connection");
	if (take_fds(b, &m, err) < 0)
		return -1;
	if (n == 0)
		return error_set(err, b->in_len > 0 ? EPROTO : 0, "vhost-user connection ended");
	b->in_len += (size_t)n;
	return 1;
}

/* One message, or what there is of it. As receive(). */
static int step(struct backend *b, struct error *err)
{
	size_t want = VHOST_USER_HEADER_SIZE;
	int r = 1;

	if (b->in_len >= VHOST_USER_HEADER_SIZE)
		want += b->msg.size;
	if (b->in_len < want) {
		r = receive(b, want, err);
		if (r <= 0)
			return r;
	}
	if (b->in_len == VHOST_USER_HEADER_SIZE && want == VHOST_USER_HEADER_SIZE) {
		if (vhost_user_parse_header(b->in, &b->msg, err) < 0)
			return -1;
		want += b->msg.size;
	}
	if (b->in_len < want)
		return 1;
	if (vhost_user_parse_payload(&b->msg, b->in + VHOST_USER_HEADER_SIZE, b->fd_count, err) < 0)
		return -1;
	r = handle(b, err);
	close_fds(b);
	b->in_len = 0;
	return r < 0 ? -1 : 1;
}

static void front_end_ready(struct loop_io *io, uint32_t events)
{
	struct backend *b = io->data;
	_cleanup_error_ struct error e = { 0 };
	int r = 1, i;

	(void)events;
	for (i = 0; i < MESSAGES_AT_ONCE && r > 0; i++)
		r = step(b, &e);
	if (r >= 0)
		return;
	if (e.code != 0)
		log_warn("vsock: %s", error_text(&e));
	front_end_gone(b);
}

static int front_end_start(struct backend *b, int fd, struct error *err)
{
	b->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = front_end_ready, .data = b };
	if (io_nonblock(fd) < 0)
		return error_set(err, errno, "vhost-user connection");
	return loop_io_add(b->loop, &b->io, err);
}

/* The next front-end waits in the backlog until this one is gone. */
static void front_end_comes(struct loop_io *io, uint32_t events)
{
	struct backend *b = io->data;
	_cleanup_error_ struct error e = { 0 };
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	loop_io_remove(&b->listener);
	if (front_end_start(b, fd, &e) < 0) {
		log_error("vsock: %s", error_text(&e));
		front_end_gone(b);
	}
}

struct backend *backend_new(struct loop *loop, struct vsock_device *dev, int fd, bool connected, struct error *err)
{
	struct backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		error_set(err, ENOMEM, "vhost-user back-end");
		return NULL;
	}
	b->loop = loop;
	b->dev = dev;
	b->io.fd = -1;
	b->listener =
		(struct loop_io){ .fd = connected ? -1 : fd, .events = EPOLLIN, .fn = front_end_comes, .data = b };
	rings_init(b);
	r = connected ? front_end_start(b, fd, err) : loop_io_add(loop, &b->listener, err);
	if (r == 0)
		return b;
	free(b);
	return NULL;
}

void backend_free(struct backend *b)
{
	if (!b)
		return;
	loop_io_remove(&b->io);
	if (b->io.fd >= 0)
		close(b->io.fd);
	close_fds(b);
	rings_clear(b);
	memory_inflight_clear(b);
	memory_clear(b);
	loop_io_remove(&b->listener);
	if (b->listener.fd >= 0)
		close(b->listener.fd);
	free(b);
}
