/* A stream of bytes: packets of the guest go on as they come, and what the host has goes into packets that are as full
 * as credit and ring allow. */
#include <errno.h>
#include <sys/uio.h>

#include "conn_private.h"

enum {
	BURST_MIN = 4096, /* bytes read at once where there were few before */
	FIRST = 16 << 10, /* bytes of the first turn of a round: the guest starts on them while more are read */
};

/* --- guest to host ------------------------------------------------------------------------------------------------ */

/* After a write that returned n. False: it was interrupted, or the socket takes no more. */
static bool stream_wrote(struct conn *c, ssize_t n)
{
	if (n < 0 && errno == EAGAIN)
		flow_host_full(c);
	else if (n < 0 && errno != EINTR)
		flow_host_gone(c);
	return n >= 0;
}

static void stream_flush(struct conn *c)
{
	while (c->spill.len > 0 && c->to_host == TO_HOST_READY) {
		ssize_t n = send(c->io.fd, buf_bytes(&c->spill), c->spill.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (stream_wrote(c, n)) {
			buf_consume(&c->spill, (size_t)n);
			flow_forwarded(c, (uint32_t)n);
		}
	}
	if (c->spill.len == 0)
		buf_free(&c->spill);
}

/* Drops n bytes from the front of the pieces. */
static void iov_skip(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

static int stream_receive(struct conn *c, const struct vsock_header *h, struct iovec *iov, int count)
{
	(void)h;
	while (count > 0 && c->spill.len == 0 && c->to_host == TO_HOST_READY) {
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)count };
		ssize_t n = sendmsg(c->io.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (stream_wrote(c, n)) {
			iov_skip(&iov, &count, (size_t)n);
			flow_forwarded(c, (uint32_t)n);
		}
	}
	for (; count > 0; iov++, count--) {
		if (c->to_host == TO_HOST_GONE)
			flow_forwarded(c, (uint32_t)iov->iov_len);
		else if (buf_add(&c->spill, iov->iov_base, iov->iov_len) < 0)
			return -1;
	}
	return 0;
}

/* Each byte of a stream is of use. */
static void stream_cut(struct conn *c)
{
	(void)c;
}

/* --- host to guest ------------------------------------------------------------------------------------------------ */

/* A share of what is left for all, so that each byte is read soon after it was sent however many streams there are. */
static uint32_t stream_window(const struct conn *c)
{
	uint64_t others = c->all->flight - c->flight, share;

	share = (others < FLIGHT_TOTAL ? FLIGHT_TOTAL - others : 0) / FLIGHT_SHARES;
	return share > FLIGHT_MIN ? (uint32_t)share : FLIGHT_MIN;
}

/* Linux joins the bytes of packets that end no message. */
static bool stream_crowded(const struct conn *c)
{
	(void)c;
	return false;
}

/* What was read tells how many receive buffers the next read is worth. */
static void burst_learn(struct conn *c, uint32_t want, uint32_t n)
{
	if (n == want)
		c->burst = want < CONN_QUANTUM / 4 ? 4 * want : CONN_QUANTUM;
	else if (n < BURST_MIN)
		c->burst = BURST_MIN;
	if (c->burst < BURST_MIN)
		c->burst = BURST_MIN;
}

static bool stream_fill(struct conn *c)
{
	uint32_t credit = flow_credit(c), want = c->burst > 0 ? c->burst : BURST_MIN;
	struct vsock_header h;
	struct msghdr m = { 0 };
	struct fill f;
	ssize_t n;
	int pieces;

	if (want > credit)
		want = credit;
	if (c->all->first && want > FIRST)
		want = FIRST;
	if (want == 0) {
		flow_starve(c);
		return true;
	}
	if (!fill_begin(&f, &c->all->ring, want))
		return false;
	/* Whole buffers where credit allows it: a packet costs the guest the same, full or not. */
	if (f.room < want || f.room <= credit)
		want = (uint32_t)f.room;
	m.msg_iov = fill_iov(&f, want, &pieces);
	m.msg_iovlen = (size_t)pieces;
	do
		n = recvmsg(c->io.fd, &m, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		bool none = n < 0 && errno == EAGAIN;

		fill_cancel(&f);
		if (none)
			c->to_guest = TO_GUEST_EMPTY;
		else
			flow_host_ended(c); /* an error (ECONNRESET) is an end, too */
		return true;
	}
	h = flow_header(c, VSOCK_OP_RW, 0);
	fill_end(&f, &h, (size_t)n, 0);
	flow_sent(c, (uint32_t)n);
	/* A short read empties the socket, and what comes next is an event; but not when the read stopped at
	 * descriptors that somebody passed (they are dropped), nor when the end of file was an event before. */
	if ((uint32_t)n < want && !(m.msg_flags & MSG_CTRUNC) && !c->closes)
		c->to_guest = TO_GUEST_EMPTY;
	burst_learn(c, want, (uint32_t)n);
	return true;
}

const struct conn_kind conn_stream = {
	.receive = stream_receive,
	.flush = stream_flush,
	.cut = stream_cut,
	.fill = stream_fill,
	.crowded = stream_crowded,
	.window = stream_window,
};
