/* Messages with boundaries: one of the guest's is one of the Unix socket's. A message of the guest may come in several
 * packets and is collected in `spill`, whose whole messages `marks` counts; the guest's credit bounds it. One of the
 * host's that the ring has no room for goes in parts, and lies in the socket until the last of them. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "conn_private.h"

/* Bytes of its buffer that a packet costs the guest at least: Linux counts 576 and more. */
enum { PACKET_COST = 1024 };

/* --- guest to host ----------------------------------------------------------------------------------------------- */

/* 1: sent, 0: the socket takes no more (or is gone), -1: it never takes one as large as this. */
static int message_write(struct conn *c, struct iovec *iov, int count, uint32_t len)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)count };
	ssize_t n;

	do
		n = sendmsg(c->io.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		flow_forwarded(c, len);
		return 1;
	}
	if (errno == EMSGSIZE)
		return -1;
	if (errno == EAGAIN)
		flow_host_full(c);
	else
		flow_host_gone(c);
	return 0;
}

static void seqpacket_flush(struct conn *c)
{
	while (c->marks.len > 0 && c->to_host == TO_HOST_READY) {
		struct iovec iov;
		uint32_t len;
		int r;

		memcpy(&len, buf_bytes(&c->marks), sizeof(len));
		iov = (struct iovec){ buf_bytes(&c->spill), len };
		r = message_write(c, &iov, 1, len);
		if (r < 0 && c->state == CONN_DRAINING)
			flow_host_gone(c); /* the guest is not there to be told */
		else if (r < 0)
			flow_abort(c);
		if (r <= 0)
			return;
		buf_consume(&c->spill, len);
		buf_consume(&c->marks, sizeof(len));
		c->marked -= len;
	}
	if (c->spill.len == 0)
		buf_free(&c->spill);
}

static int seqpacket_receive(struct conn *c, const struct vsock_header *h, struct iovec *iov, int count)
{
	bool whole = h->flags & VSOCK_SEQ_EOM;
	uint32_t len;
	int r;

	if (c->to_host == TO_HOST_GONE) {
		flow_forwarded(c, h->len);
		return 0;
	}
	if (whole && c->spill.len == 0 && c->to_host == TO_HOST_READY && h->len > 0) {
		r = message_write(c, iov, count, h->len);
		if (r != 0)
			return r;
		if (c->to_host == TO_HOST_GONE) {
			flow_forwarded(c, h->len);
			return 0;
		}
	}
	for (; count > 0; iov++, count--)
		if (buf_add(&c->spill, iov->iov_base, iov->iov_len) < 0)
			return -1;
	len = (uint32_t)c->spill.len - c->marked;
	if (!whole || len == 0) /* a message without bytes would be an end of file to the host */
		return 0;
	if (buf_add(&c->marks, &len, sizeof(len)) < 0)
		return -1;
	c->marked += len;
	seqpacket_flush(c);
	return 0;
}

static void seqpacket_cut(struct conn *c)
{
	if (c->spill.len == c->marked)
		return;
	flow_forwarded(c, (uint32_t)c->spill.len - c->marked);
	buf_truncate(&c->spill, c->marked);
	if (c->spill.len == 0)
		buf_free(&c->spill);
}

/* --- host to guest ----------------------------------------------------------------------------------------------- */

static ssize_t byte_recv(int fd, int flags)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return flow_recv(fd, &m, flags);
}

/* Whether nothing comes after the empty message, or the end of file, that a read has found. */
static bool socket_ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	int left = 0;

	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR) &&
		(ioctl(fd, FIONREAD, &left) < 0 || left == 0);
}

/* Length of the next message; 0: none, or none any more. */
static uint32_t message_next(struct conn *c)
{
	ssize_t n = byte_recv(c->io.fd, MSG_PEEK | MSG_TRUNC);

	if (n > 0)
		return (uint32_t)n;
	if (n < 0 && errno == EAGAIN)
		c->to_guest = TO_GUEST_EMPTY;
	else if (n < 0 || socket_ended(c->io.fd))
		flow_host_ended(c);
	else
		byte_recv(c->io.fd, 0); /* an empty message: there is no packet for it */
	return 0;
}

/* Reads part of the first message in the socket, which stays there. */
static ssize_t part_peek(int fd, int offset, const struct msghdr *m)
{
	static const int off = -1;
	struct msghdr copy = *m;
	ssize_t n = -1;

	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0)
		n = flow_recv(fd, &copy, MSG_PEEK);
	/* all other peeks are at the message's start */
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) == 0 ? n : -1;
}

/* Reads the part into the receive buffers; after the last one the message is gone from the socket. */
static bool part_read(struct conn *c, const struct fill *f, uint32_t len, bool last)
{
	struct msghdr m = { 0 };
	int pieces;

	m.msg_iov = fill_iov(f, len, &pieces);
	m.msg_iovlen = (size_t)pieces;
	if (last && c->message_sent == 0)
		return flow_recv(c->io.fd, &m, 0) == (ssize_t)len;
	return part_peek(c->io.fd, (int)c->message_sent, &m) == (ssize_t)len && (!last || byte_recv(c->io.fd, 0) == 1);
}

/* As much of the message as the receive buffers at hand take: the rest waits in the socket. */
static bool part_send(struct conn *c)
{
	uint32_t left = c->message_len - c->message_sent, credit = flow_credit(c), want = credit < left ? credit : left;
	struct vsock_header h;
	struct fill f;

	if (want == 0) {
		flow_starve(c);
		return true;
	}
	if (!fill_begin(&f, &c->all->ring, want))
		return false;
	if (f.room < want)
		want = (uint32_t)f.room;
	if (!part_read(c, &f, want, want == left)) {
		fill_cancel(&f);
		flow_abort(c);
		return true;
	}
	h = flow_header(c, VSOCK_OP_RW, 0);
	fill_end(&f, &h, want, want == left ? VSOCK_SEQ_EOM : 0);
	c->message_sent += want;
	c->packets++;
	if (want == left)
		c->message_len = c->message_sent = 0;
	flow_sent(c, want);
	return true;
}

/* The guest has many packets, however small: Linux ends a connection that makes it keep too many, and joins none that
 * end a message. */
static bool seqpacket_crowded(const struct conn *c)
{
	return c->packets > 0 && c->packets >= c->peer_buf_alloc / PACKET_COST;
}

static bool seqpacket_fill(struct conn *c)
{
	uint32_t start = c->tx_cnt, len;

	while (c->tx_cnt - start < CONN_QUANTUM && c->state == CONN_OPEN && c->to_guest == TO_GUEST_READY) {
		if (c->message_len > 0) {
			if (!part_send(c))
				return false;
			continue;
		}
		len = message_next(c);
		if (len == 0)
			break;
		if (len > c->peer_buf_alloc) { /* can never arrive as a whole */
			flow_abort(c);
			break;
		}
		if (len > flow_credit(c) || seqpacket_crowded(c)) {
			flow_starve(c);
			break;
		}
		c->message_len = len;
	}
	return true;
}

/* A message goes as a whole or not at all, and the guest's buffer bounds it. */
static uint32_t seqpacket_window(const struct conn *c)
{
	(void)c;
	return UINT32_MAX;
}

const struct conn_kind conn_seqpacket = {
	.receive = seqpacket_receive,
	.flush = seqpacket_flush,
	.cut = seqpacket_cut,
	.fill = seqpacket_fill,
	.crowded = seqpacket_crowded,
	.window = seqpacket_window,
};
