/* The requests of the front-end: some have an answer of their own, the others only change something. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend_private.h"
#include "log.h"

/* The guest's addresses go through an IOMMU; writes to memory are logged for migration. */
#define VIRTIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define VHOST_F_LOG_ALL          (UINT64_C(1) << 26)

#define FEATURES                                                                                        \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_RING_INDIRECT | VIRTIO_F_RING_EVENT_IDX | VIRTIO_F_RING_PACKED | \
	 VSOCK_F_STREAM | VSOCK_F_SEQPACKET | VHOST_USER_F_PROTOCOL_FEATURES)
#define PROTOCOL_FEATURES                                                                            \
	(VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK | VHOST_USER_PROTOCOL_F_CONFIG | \
	 VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD | VHOST_USER_PROTOCOL_F_RESET_DEVICE |                 \
	 VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS | VHOST_USER_PROTOCOL_F_STATUS)

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* An answer is small and asked for: a front-end whose socket does not take it does not listen. */
static int answer_send(struct backend *b, struct buf *reply, int fd, struct error *err)
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
	return answer_send(b, &reply, -1, err);
}

static int answer_vring_base(struct backend *b, struct error *err)
{
	_cleanup_buf_ struct buf reply = { 0 };
	struct vring *r = ring_of(b, b->msg.state.index, err);

	if (!r)
		return -1;
	if (vhost_user_reply_state(&reply, b->msg.request, b->msg.state.index, ring_stop(r, true)) < 0)
		return error_set(err, ENOMEM, "vhost-user answer");
	return answer_send(b, &reply, -1, err);
}

/* The whole configuration is the guest's cid; what is asked for beyond it reads as zero. */
static int answer_config(struct backend *b, struct error *err)
{
	_cleanup_buf_ struct buf reply = { 0 };
	uint8_t config[2 * VHOST_USER_CONFIG_MAX] = { 0 };
	uint32_t offset = b->msg.config.offset, size = b->msg.config.size;
	uint64_t cid = b->dev->conns.cid;

	memcpy(config, &cid, VSOCK_CONFIG_SIZE);
	if (offset > VHOST_USER_CONFIG_MAX)
		size = 0;
	if (vhost_user_reply_config(&reply, offset, size, b->msg.config.flags, size > 0 ? config + offset : NULL) < 0)
		return error_set(err, ENOMEM, "vhost-user answer");
	return answer_send(b, &reply, -1, err);
}

static int answer_inflight(struct backend *b, struct error *err)
{
	_cleanup_buf_ struct buf reply = { 0 };
	_cleanup_close_ int fd = memory_inflight_new(b, &b->msg, err);

	if (fd < 0)
		return -1;
	if (vhost_user_reply_inflight(&reply, &b->msg, b->inflight_len, 0) < 0)
		return error_set(err, ENOMEM, "vhost-user answer");
	return answer_send(b, &reply, fd, err);
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static void device_forget(struct backend *b)
{
	rings_clear(b);
	device_reset(b->dev);
	b->status = 0;
}

/* QEMU passes on what it and the guest agreed on without asking us, such as the reset of single queues: that is no
 * concern of a back-end. What it could not do without one is refused. */
static int features_set(struct backend *b, struct error *err)
{
	uint64_t needed = b->msg.u64 & (VIRTIO_F_ACCESS_PLATFORM | VHOST_F_LOG_ALL);

	if (needed)
		return error_set(err, EINVAL, "features 0x%" PRIx64 " were not offered", needed);
	b->features = b->msg.u64 & FEATURES;
	return 0;
}

static int protocol_features_set(struct backend *b, struct error *err)
{
	uint64_t unknown = b->msg.u64 & ~PROTOCOL_FEATURES;

	if (unknown)
		return error_set(err, EINVAL, "protocol features 0x%" PRIx64 " were not offered", unknown);
	b->protocol_features = b->msg.u64;
	return 0;
}

/* Requests that have an answer of their own. 1: it was one. */
static int request_answer(struct backend *b, struct error *err)
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

static int request_obey(struct backend *b, struct error *err)
{
	switch (b->msg.request) {
	case VHOST_USER_SET_FEATURES:
		return features_set(b, err);
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		return protocol_features_set(b, err);
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
		device_forget(b);
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
int request_handle(struct backend *b, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	const char *name = vhost_user_request_name(b->msg.request);
	bool wants = b->msg.need_reply && b->protocol_features & VHOST_USER_PROTOCOL_F_REPLY_ACK;
	int r = request_answer(b, &e);

	if (r > 0)
		return 0;
	if (r == 0) {
		r = request_obey(b, &e);
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
