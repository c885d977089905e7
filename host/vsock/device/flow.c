#include <errno.h>
#include <unistd.h>

#include "conn_private.h"

enum {
	STARVE_US = 200000, /* before the guest is asked for credit; doubles */
	STARVE_DOUBLINGS = 7,
	SHY_US = 1000, /* where it tells only when asked */
};

/* --- turns ------------------------------------------------------------------------------------------------------- */

static bool flow_wants_turn(const struct conn *c)
{
	return c->due || c->state == CONN_ASKING || c->state == CONN_ENDING || c->state == CONN_ABORTED ||
		(c->state == CONN_OPEN && c->to_guest == TO_GUEST_READY);
}

void flow_queue(struct conn *c)
{
	if (c->state != CONN_DRAINING && list_empty(&c->place) && flow_wants_turn(c))
		list_append(&c->all->ready, &c->place);
	c->all->wake(c->all->wake_data);
}

void flow_due(struct conn *c, uint8_t what)
{
	c->due |= what;
	flow_queue(c);
}

void flow_hurry(struct conn *c, uint64_t delay_us)
{
	(void)!loop_timer_after(c->all->loop, &c->timer, delay_us, NULL);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

void flow_close_socket(struct conn *c)
{
	if (c->io.fd < 0)
		return;
	loop_io_remove(&c->io);
	close(c->io.fd);
	c->io.fd = -1;
}

static void spill_drop(struct conn *c)
{
	buf_free(&c->spill);
	buf_free(&c->marks);
	c->marked = 0;
}

void flow_abort(struct conn *c)
{
	c->all->stats.reset++;
	c->due = 0;
	flow_close_socket(c);
	spill_drop(c);
	c->state = CONN_ABORTED;
	flow_queue(c);
}

/* Tells the guest what the host will not do any more. */
static void guest_shut(struct conn *c, uint8_t what)
{
	if (c->state == CONN_OPEN && (c->sent_shut | what) != c->sent_shut) {
		c->sent_shut |= what;
		flow_due(c, DUE_SHUTDOWN);
	}
}

void flow_host_ended(struct conn *c)
{
	c->to_guest = TO_GUEST_ENDED;
	guest_shut(c, c->to_host == TO_HOST_GONE ? VSOCK_SHUT_BOTH : VSOCK_SHUT_SEND);
}

void flow_host_gone(struct conn *c)
{
	if (c->to_host == TO_HOST_GONE)
		return;
	c->to_host = TO_HOST_GONE;
	flow_forwarded(c, (uint32_t)c->spill.len);
	spill_drop(c);
	guest_shut(c, c->to_guest == TO_GUEST_ENDED ? VSOCK_SHUT_BOTH : VSOCK_SHUT_RECEIVE);
}

/* --- guest to host ----------------------------------------------------------------------------------------------- */

uint32_t flow_share(const struct conns *all)
{
	size_t share = CREDIT_TOTAL / (all->total + 1);

	return share > CREDIT_MAX ? CREDIT_MAX : share < CREDIT_MIN ? CREDIT_MIN : (uint32_t)share;
}

/* An update goes out when the guest knows of less than half of its buffer. */
void flow_check_credit(struct conn *c)
{
	if (c->state == CONN_OPEN && c->fwd_cnt != c->told_fwd_cnt &&
	    c->buf_alloc - (c->rx_cnt - c->told_fwd_cnt) < c->buf_alloc / 2)
		flow_due(c, DUE_CREDIT);
}

void flow_forwarded(struct conn *c, uint32_t bytes)
{
	c->fwd_cnt += bytes;
	c->all->stats.to_host += bytes;
	flow_check_credit(c);
}

/* Asks for the room only when there is none: each time a reader takes something would be an event otherwise. */
void flow_host_full(struct conn *c)
{
	c->to_host = TO_HOST_FULL;
	if (loop_io_want(&c->io, CONN_WATCHED | EPOLLOUT | EPOLLET, NULL) < 0)
		flow_host_gone(c);
}

void flow_shut_host(struct conn *c)
{
	if (c->spill.len == 0 && c->guest_shut & VSOCK_SHUT_SEND && c->to_host != TO_HOST_GONE)
		shutdown(c->io.fd, SHUT_WR); /* fails only when the peer is gone: the same to it */
}

/* --- host to guest ----------------------------------------------------------------------------------------------- */

/* What the guest was sent and has not said it has read. One that says more than it was sent has read all. */
static void flow_weigh(struct conn *c, uint32_t flight)
{
	if (flight > INT32_MAX)
		flight = 0;
	c->all->flight += flight;
	c->all->flight -= c->flight;
	c->flight = flight;
}

void flow_unweigh(struct conn *c)
{
	flow_weigh(c, 0);
}

uint32_t flow_credit(const struct conn *c)
{
	uint32_t used = c->tx_cnt - c->peer_fwd_cnt, most = c->kind->window(c);

	if (most > c->peer_buf_alloc)
		most = c->peer_buf_alloc;
	return used < most ? most - used : 0;
}

void flow_sent(struct conn *c, uint32_t bytes)
{
	c->tx_cnt += bytes;
	c->all->stats.to_guest += bytes;
	flow_weigh(c, c->tx_cnt - c->peer_fwd_cnt);
}

/* An end of file needs no room, and an empty socket none yet. */
void flow_starve(struct conn *c)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = c->message_len > 0 ? 1 : flow_recv(c->io.fd, &m, MSG_PEEK);

	if (n < 0 && errno == EAGAIN) {
		c->to_guest = TO_GUEST_EMPTY;
	} else if (n <= 0) {
		flow_host_ended(c);
	} else {
		/* Linux tells by itself when its program has read enough: a question would cost it two packets. */
		c->to_guest = TO_GUEST_STARVED;
		c->tries = 0;
		flow_hurry(c, c->shy ? SHY_US : STARVE_US);
	}
}

void flow_ask_credit(struct conn *c)
{
	if (c->to_guest != TO_GUEST_STARVED && c->to_guest != TO_GUEST_ASKED)
		return;
	if (c->tries < STARVE_DOUBLINGS)
		c->tries++;
	flow_hurry(c, (uint64_t)STARVE_US << c->tries);
	c->to_guest = TO_GUEST_ASKED;
	flow_due(c, DUE_CREDIT_REQUEST);
}

void flow_learn_credit(struct conn *c, const struct vsock_header *h)
{
	bool asked = c->to_guest == TO_GUEST_ASKED, answer = asked && h->op == VSOCK_OP_CREDIT_UPDATE;

	c->peer_buf_alloc = h->buf_alloc;
	c->peer_fwd_cnt = h->fwd_cnt;
	flow_weigh(c, c->tx_cnt - c->peer_fwd_cnt);
	if (c->peer_fwd_cnt == c->tx_cnt)
		c->packets = 0;
	if (!asked && c->to_guest != TO_GUEST_STARVED)
		return;
	if (flow_credit(c) > 0 && !c->kind->crowded(c)) {
		if (asked)
			c->shy = answer;
		c->to_guest = TO_GUEST_READY;
		c->tries = 0;
		loop_timer_disarm(&c->timer);
	} else if (answer) {
		c->shy = false;
		c->to_guest = TO_GUEST_STARVED;
	}
}

/* --- packets ----------------------------------------------------------------------------------------------------- */

struct vsock_header flow_header(struct conn *c, uint16_t op, uint32_t flags)
{
	c->told_fwd_cnt = c->fwd_cnt;
	c->due &= (uint8_t)~DUE_CREDIT; /* every packet tells it */
	return (struct vsock_header){
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = c->all->cid,
		.src_port = c->at.host_port,
		.dst_port = c->at.guest_port,
		.type = c->type,
		.op = op,
		.flags = flags,
		.buf_alloc = c->buf_alloc,
		.fwd_cnt = c->fwd_cnt,
	};
}

bool flow_tell(struct conn *c, uint16_t op, uint32_t flags)
{
	struct vsock_header h;
	struct fill f;

	if (!fill_begin(&f, &c->all->ring, 0))
		return false;
	h = flow_header(c, op, flags);
	fill_end(&f, &h, 0, flags);
	return true;
}

ssize_t flow_recv(int fd, struct msghdr *m, int flags)
{
	ssize_t n = recvmsg(fd, m, flags | MSG_DONTWAIT);

	return n < 0 && errno == ECONNRESET ? recvmsg(fd, m, flags | MSG_DONTWAIT) : n;
}
