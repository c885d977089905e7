/* Messages with boundaries: one of the guest's is one of the Unix socket's. A message of the guest may come in several
 * packets and is collected in `spill`, whose whole messages `marks` counts; the guest's credit bounds it. One of the
 * host's that the ring has no room for goes in parts, and lies in the socket until the last of them. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"

enum { QUANTUM = 64 << 10 };

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
		if (r < 0)
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

/* --- host to guest ----------------------------------------------------------------------------------------------- */

/* Length of the next message; 0: none, or none any more. */
static uint32_t next_length(struct conn *c)
{
	struct pollfd p = { .fd = c->io.fd, .events = POLLRDHUP };
	char byte;
	ssize_t n = recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	if (n > 0)
		return (uint32_t)n;
	if (n < 0 && errno == EAGAIN)
		c->readable = false;
	else if (n < 0 || (poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR)))
		conn_host_eof(c);
	else
		recv(c->io.fd, &byte, 1, MSG_DONTWAIT); /* an empty message: there is no packet for it */
	return 0;
}

/* Reads part of the first message in the socket, which stays there. */
static ssize_t peek_part(int fd, int offset, const struct msghdr *m)
{
	static const int off = -1;
	struct msghdr copy = *m;
	ssize_t n = -1;

	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0)
		n = recvmsg(fd, &copy, MSG_PEEK | MSG_DONTWAIT);
	/* all other peeks are at the message's start */
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) == 0 ? n : -1;
}

/* Reads the part into the receive buffers; after the last one the message is gone from the socket. */
static bool read_part(struct conn *c, const struct fill *f, uint32_t len, bool last)
{
	struct msghdr m = { .msg_iov = c->dev->fill_iov };
	char byte;

	m.msg_iovlen = (size_t)device_fill_iov(c->dev, f, len);
	if (last && c->message_sent == 0)
		return recvmsg(c->io.fd, &m, MSG_DONTWAIT) == (ssize_t)len;
	return peek_part(c->io.fd, (int)c->message_sent, &m) == (ssize_t)len &&
		(!last || recv(c->io.fd, &byte, 1, MSG_DONTWAIT) == 1);
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
	if (want == left)
		c->message_len = c->message_sent = 0;
	conn_sent(c, want);
	return true;
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
		if (len > conn_credit(c)) {
			conn_starve(c);
			break;
		}
		c->message_len = len;
	}
	return true;
}
