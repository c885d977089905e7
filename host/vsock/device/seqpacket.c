/* Messages with boundaries: one of the guest's is one of the Unix socket's. A message of the guest may come in several
 * packets and is collected in `spill`, whose whole messages `marks` counts; the guest's credit bounds it. One of the
 * host's that the ring has no room for goes in parts, and lies in the socket until the last of them. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "conn.h"

enum {
	QUANTUM = 64 << 10,
	PACKET_COST = 1024, /* bytes of its buffer that a packet costs the guest at least: Linux counts 576 and more */
};

/* --- guest to host ----------------------------------------------------------------------------------------------- */

/* 1: sent, 0: the socket takes no more (or is gone), -1: it never takes one as large as this. */
static int send_message(struct conn *c, struct iovec *iov, int count, uint32_t len)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)count };
	ssize_t n;

	do
		n = sendmsg(c->io.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		conn_forwarded(c, len);
		return 1;
	}
	if (errno == EMSGSIZE)
		return -1;
	if (errno == EAGAIN)
		conn_blocked(c);
	else
		conn_host_gone(c);
	return 0;
}

void seqpacket_flush(struct conn *c)
{
	while (c->marks.len > 0 && c->writable && !c->host_gone) {
		struct iovec iov;
		uint32_t len;
		int r;

		memcpy(&len, buf_bytes(&c->marks), sizeof(len));
		iov = (struct iovec){ buf_bytes(&c->spill), len };
		r = send_message(c, &iov, 1, len);
		if (r < 0 && c->state == CONN_DRAINING)
			conn_host_gone(c); /* the guest is not there to be told */
		else if (r < 0)
			conn_abort(c);
		if (r <= 0)
			return;
		buf_consume(&c->spill, len);
		buf_consume(&c->marks, sizeof(len));
		c->marked -= len;
	}
	if (c->spill.len == 0)
		buf_free(&c->spill);
}

int seqpacket_receive(struct conn *c, const struct vsock_header *h, struct iovec *iov, int count)
{
	bool whole = h->flags & VSOCK_SEQ_EOM;
	uint32_t len;
	int r;

	if (c->host_gone) {
		conn_forwarded(c, h->len);
		return 0;
	}
	if (whole && c->spill.len == 0 && c->writable && h->len > 0) {
		r = send_message(c, iov, count, h->len);
		if (r != 0)
			return r;
		if (c->host_gone) {
			conn_forwarded(c, h->len);
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

void seqpacket_cut(struct conn *c)
{
	if (c->spill.len == c->marked)
		return;
	conn_forwarded(c, (uint32_t)c->spill.len - c->marked);
	buf_truncate(&c->spill, c->marked);
	if (c->spill.len == 0)
		buf_free(&c->spill);
}

/* --- host to guest ----------------------------------------------------------------------------------------------- */

ssize_t seqpacket_recv(int fd, struct msghdr *m, int flags)
{
	ssize_t n = recvmsg(fd, m, flags | MSG_DONTWAIT);

	return n < 0 && errno == ECONNRESET ? recvmsg(fd, m, flags | MSG_DONTWAIT) : n;
}

static ssize_t recv_byte(int fd, int flags)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return seqpacket_recv(fd, &m, flags);
}

/* Whether nothing comes after the empty message, or the end of file, that a read has found. */
static bool ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	int left = 0;

	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR) &&
		(ioctl(fd, FIONREAD, &left) < 0 || left == 0);
}

/* Length of the next message; 0: none, or none any more. */
static uint32_t next_length(struct conn *c)
{
	ssize_t n = recv_byte(c->io.fd, MSG_PEEK | MSG_TRUNC);

	if (n > 0)
		return (uint32_t)n;
	if (n < 0 && errno == EAGAIN)
		c->readable = false;
	else if (n < 0 || ended(c->io.fd))
		conn_host_eof(c);
	else
		recv_byte(c->io.fd, 0); /* an empty message: there is no packet for it */
	return 0;
}

/* Reads part of the first message in the socket, which stays there. */
static ssize_t peek_part(int fd, int offset, const struct msghdr *m)
{
	static const int off = -1;
	struct msghdr copy = *m;
	ssize_t n = -1;

	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0)
		n = seqpacket_recv(fd, &copy, MSG_PEEK);
	/* all other peeks are at the message's start */
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) == 0 ? n : -1;
}

/* Reads the part into the receive buffers; after the last one the message is gone from the socket. */
static bool read_part(struct conn *c, const struct fill *f, uint32_t len, bool last)
{
	struct msghdr m = { .msg_iov = c->dev->fill_iov };

	m.msg_iovlen = (size_t)device_fill_iov(c->dev, f, len);
	if (last && c->message_sent == 0)
		return seqpacket_recv(c->io.fd, &m, 0) == (ssize_t)len;
	return peek_part(c->io.fd, (int)c->message_sent, &m) == (ssize_t)len && (!last || recv_byte(c->io.fd, 0) == 1);
}

/* As much of the message as the receive buffers at hand take: the rest waits in the socket. */
static bool send_part(struct conn *c)
{
	uint32_t left = c->message_len - c->message_sent, credit = conn_credit(c), want = credit < left ? credit : left;
	struct vsock_header h;
	struct fill f;

	if (want == 0) {
		conn_starve(c);
		return true;
	}
	if (!device_fill_begin(c->dev, &f, want))
		return false;
	if (f.room < want)
		want = (uint32_t)f.room;
	if (!read_part(c, &f, want, want == left)) {
		device_fill_cancel(c->dev, &f);
		conn_abort(c);
		return true;
	}
	h = conn_header(c, VSOCK_OP_RW, 0);
	device_fill_end(c->dev, &f, &h, want, want == left ? VSOCK_SEQ_EOM : 0);
	c->message_sent += want;
	c->packets++;
	if (want == left)
		c->message_len = c->message_sent = 0;
	conn_sent(c, want);
	return true;
}

bool seqpacket_crowded(const struct conn *c)
{
	return c->packets > 0 && c->packets >= c->peer_buf_alloc / PACKET_COST;
}

bool seqpacket_fill(struct conn *c)
{
	uint32_t start = c->tx_cnt, len;

	while (c->tx_cnt - start < QUANTUM && c->state == CONN_OPEN && !c->starved) {
		if (c->message_len > 0) {
			if (!send_part(c))
				return false;
			continue;
		}
		if (!c->readable)
			break;
		len = next_length(c);
		if (len == 0)
			break;
		if (len > c->peer_buf_alloc) { /* can never arrive as a whole */
			conn_abort(c);
			break;
		}
		if (len > conn_credit(c) || seqpacket_crowded(c)) {
			conn_starve(c);
			break;
		}
		c->message_len = len;
	}
	return true;
}
