#include "conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	WATCHED = EPOLLIN | EPOLLRDHUP,
	BURST_MIN = 4096,   /* bytes read at once where there were few before */
	FIRST = 16 << 10,   /* bytes of the first turn of a round: the guest starts on them while more are read */
	QUANTUM = 64 << 10, /* bytes to the guest in one turn */
	REQUEST_US = 10 * 1000000, /* for the guest's answer */
	CLOSING_US = 8 * 1000000,  /* for the guest's RST; Linux waits as long */
	DIAL_US = 5000,            /* before a full backlog is tried again; doubles */
	DIAL_DOUBLINGS = 4,
	DIAL_TRIES = 32,      /* two seconds and a half in all: Linux gives up after two */
	BACKLOG_US = 2500000, /* the same for a backlog of the guest */
	STARVE_US = 200000,   /* before the guest is asked for credit; doubles */
	STARVE_DOUBLINGS = 7,
	SHY_US = 1000, /* where it tells only when asked */
};

static void timer_fired(struct loop_timer *t);
static void socket_ready(struct loop_io *io, uint32_t events);

struct conn *conn_new(struct vsock_device *dev, uint32_t host_port, uint32_t guest_port, uint16_t type)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->dev = dev;
	c->io.fd = -1;
	c->timer.fn = timer_fired;
	c->timer.data = c;
	c->host_port = host_port;
	c->guest_port = guest_port;
	c->type = type;
	c->buf_alloc = device_credit(dev);
	c->burst = BURST_MIN;
	list_init(&c->place);
	dev->total++;
	return c;
}

static void close_socket(struct conn *c)
{
	if (c->io.fd < 0)
		return;
	loop_io_remove(&c->io);
	close(c->io.fd);
	c->io.fd = -1;
}

/* What the guest was sent and has not said it has read. One that says more than it was sent has read all. */
static void weigh(struct conn *c, uint32_t flight)
{
	if (flight > INT32_MAX)
		flight = 0;
	c->dev->flight += flight;
	c->dev->flight -= c->flight;
	c->flight = flight;
}

static void drop_spill(struct conn *c)
{
	buf_free(&c->spill);
	buf_free(&c->marks);
	c->marked = 0;
}

void conn_free(struct conn *c)
{
	weigh(c, 0);
	device_remove(c->dev, c);
	list_remove(&c->place);
	loop_timer_disarm(&c->timer);
	close_socket(c);
	drop_spill(c);
	c->dev->total--;
	free(c);
}

int conn_attach(struct conn *c, int fd, struct error *err)
{
	c->io = (struct loop_io){
		.fd = fd,
		.events = WATCHED | EPOLLET,
		.fn = socket_ready,
		.data = c,
	};
	if (loop_io_add(c->dev->loop, &c->io, err) < 0) {
		c->io.fd = -1;
		return -1;
	}
	c->writable = true; /* until a write says otherwise */
	return 0;
}

/* A timer that cannot be armed (no memory) only means that nobody is hurried. */
static void hurry(struct conn *c, uint64_t delay_us)
{
	loop_timer_after(c->dev->loop, &c->timer, delay_us, NULL);
}

/* Puts it into the list of those with something to say, at the end, unless it is there. */
static void queue_turn(struct conn *c)
{
	if (c->state != CONN_DRAINING && list_empty(&c->place) && conn_wants_turn(c))
		list_append(&c->dev->ready, &c->place);
	device_wake(c->dev);
}

static void become_due(struct conn *c, uint8_t what)
{
	c->due |= what;
	queue_turn(c);
}

void conn_request(struct conn *c)
{
	c->state = CONN_REQUEST;
	c->asked_us = loop_now();
	hurry(c, REQUEST_US);
	become_due(c, DUE_REQUEST);
}

static void opened(struct conn *c)
{
	c->state = CONN_OPEN;
	c->readable = true;
	c->dev->stats.opened++;
	loop_timer_disarm(&c->timer);
}

/* Before a full backlog is tried again. */
static uint64_t retry_us(const struct conn *c)
{
	return (uint64_t)DIAL_US << (c->tries < DIAL_DOUBLINGS ? c->tries : DIAL_DOUBLINGS);
}

/* The guest's RST to a REQUEST says that nobody listens, or that the backlog of who listens is full: the packets are
 * alike. A full one holds connections that the guest took: where it has none, and took none lately, nobody listens.
 * Else it is asked again, for as long as the port goes on taking others, and BACKLOG_US at least. False: refused. */
static bool request_later(struct conn *c)
{
	uint64_t now = loop_now(), taken;

	if (!device_taken_at(c->dev, c->guest_port, &taken) && now - taken >= BACKLOG_US)
		return false;
	if (now - c->asked_us >= REQUEST_US || (now - c->asked_us >= BACKLOG_US && now - taken >= BACKLOG_US))
		return false;
	if (c->tries < DIAL_DOUBLINGS)
		c->tries++;
	if (loop_timer_after(c->dev->loop, &c->timer, retry_us(c), NULL) < 0)
		return false;
	c->due &= (uint8_t)~DUE_REQUEST;
	c->later = true;
	return true;
}

static void request_again(struct conn *c)
{
	uint64_t past = loop_now() - c->asked_us;

	c->later = false;
	hurry(c, past < REQUEST_US ? REQUEST_US - past : 0);
	become_due(c, DUE_REQUEST);
}

bool conn_dial(struct conn *c)
{
	enum dial r = c->dev->dial(c->dev->dial_data, c);

	if (r == DIAL_DONE) {
		opened(c);
		c->tries = 0;
		become_due(c, DUE_RESPONSE);
		return true;
	}
	c->state = CONN_DIALING;
	if (r == DIAL_REFUSED || ++c->tries == DIAL_TRIES)
		return false;
	hurry(c, retry_us(c));
	return true;
}

/* --- ending ------------------------------------------------------------------------------------------------------ */

/* The guest has done with it, and its ports are free for others. */
static void drain(struct conn *c)
{
	if (c->type == VSOCK_SEQPACKET)
		seqpacket_cut(c);
	if (c->spill.len == 0 || c->host_gone || c->io.fd < 0) {
		conn_free(c);
		return;
	}
	weigh(c, 0);
	device_remove(c->dev, c);
	list_remove(&c->place);
	loop_timer_disarm(&c->timer);
	c->state = CONN_DRAINING;
	list_append(&c->dev->draining, &c->place);
}

/* The guest broke the rules, or the host ran out of something. */
void conn_abort(struct conn *c)
{
	c->dev->stats.reset++;
	c->due = 0;
	close_socket(c);
	drop_spill(c);
	c->state = CONN_CLOSING;
	become_due(c, DUE_RST);
}

/* Tells the guest what the host will not do any more. */
static void shut(struct conn *c, uint8_t what)
{
	if (c->state == CONN_OPEN && (c->sent_shut | what) != c->sent_shut) {
		c->sent_shut |= what;
		become_due(c, DUE_SHUTDOWN);
	}
}

void conn_host_eof(struct conn *c)
{
	c->host_eof = true;
	c->readable = false;
	shut(c, c->host_gone ? VSOCK_SHUT_BOTH : VSOCK_SHUT_SEND);
}

void conn_host_gone(struct conn *c)
{
	if (c->host_gone)
		return;
	c->host_gone = true;
	conn_forwarded(c, (uint32_t)c->spill.len);
	drop_spill(c);
	shut(c, c->host_eof ? VSOCK_SHUT_BOTH : VSOCK_SHUT_RECEIVE);
}

static void timer_fired(struct loop_timer *t)
{
	struct conn *c = t->data;

	switch (c->state) {
	case CONN_REQUEST:
		if (c->later) {
			request_again(c);
			break;
		}
		c->dev->stats.refused++;
		conn_abort(c);
		break;
	case CONN_DIALING:
		if (!conn_dial(c)) {
			c->dev->stats.refused++;
			conn_abort(c);
		}
		break;
	case CONN_CLOSING:
		become_due(c, DUE_RST);
		break;
	case CONN_OPEN:
		if (!c->starved)
			break;
		if (c->tries < STARVE_DOUBLINGS)
			c->tries++;
		hurry(c, (uint64_t)STARVE_US << c->tries);
		c->asked = true;
		become_due(c, DUE_CREDIT_REQUEST);
		break;
	case CONN_DRAINING:
		break;
	}
}

/* --- guest to host ----------------------------------------------------------------------------------------------- */

/* An update goes out before the guest runs dry: when it knows of less than half of its buffer. */
static void check_credit(struct conn *c)
{
	if (c->state == CONN_OPEN && c->fwd_cnt != c->told_fwd_cnt &&
	    c->buf_alloc - (c->rx_cnt - c->told_fwd_cnt) < c->buf_alloc / 2)
		become_due(c, DUE_CREDIT);
}

void conn_forwarded(struct conn *c, uint32_t bytes)
{
	c->fwd_cnt += bytes;
	c->dev->stats.to_host += bytes;
	check_credit(c);
}

/* Asks for the room only when there is none: each time a reader takes something would be an event otherwise. */
void conn_blocked(struct conn *c)
{
	c->writable = false;
	if (loop_io_want(&c->io, WATCHED | EPOLLOUT | EPOLLET, NULL) < 0)
		conn_host_gone(c);
}

/* Once all that the guest sent is written, what it shut is shut towards the host. */
static void shut_host(struct conn *c)
{
	if (c->spill.len == 0 && c->guest_shut & VSOCK_SHUT_SEND && !c->host_gone)
		shutdown(c->io.fd, SHUT_WR); /* fails only when the peer is gone: the same to it */
}

static void flush_stream(struct conn *c)
{
	while (c->spill.len > 0 && c->writable) {
		ssize_t n = send(c->io.fd, buf_bytes(&c->spill), c->spill.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			conn_blocked(c);
		} else if (n < 0) {
			conn_host_gone(c);
		} else {
			buf_consume(&c->spill, (size_t)n);
			conn_forwarded(c, (uint32_t)n);
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

static int receive_stream(struct conn *c, struct iovec *iov, int count)
{
	while (count > 0 && c->spill.len == 0 && c->writable && !c->host_gone) {
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)count };
		ssize_t n = sendmsg(c->io.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			conn_blocked(c);
		} else if (n < 0) {
			conn_host_gone(c);
		} else {
			iov_skip(&iov, &count, (size_t)n);
			conn_forwarded(c, (uint32_t)n);
		}
	}
	for (; count > 0; iov++, count--) {
		if (c->host_gone)
			conn_forwarded(c, (uint32_t)iov->iov_len);
		else if (buf_add(&c->spill, iov->iov_base, iov->iov_len) < 0)
			return -1;
	}
	return 0;
}

static void receive(struct conn *c, const struct vsock_header *h, struct iovec *iov, int count)
{
	if (c->state == CONN_CLOSING)
		return; /* sent before the guest heard of the end */
	if (c->state != CONN_OPEN || c->guest_shut & VSOCK_SHUT_SEND ||
	    h->len > c->buf_alloc - (c->rx_cnt - c->fwd_cnt)) {
		conn_abort(c);
		return;
	}
	c->rx_cnt += h->len;
	if ((c->type == VSOCK_SEQPACKET ? seqpacket_receive(c, h, iov, count) : receive_stream(c, iov, count)) < 0) {
		conn_abort(c);
		return;
	}
	check_credit(c);
}

static void guest_shutdown(struct conn *c, uint32_t flags)
{
	uint8_t new = (uint8_t)(flags & VSOCK_SHUT_BOTH & ~c->guest_shut);

	if (c->state != CONN_OPEN && c->state != CONN_CLOSING) {
		conn_abort(c);
		return;
	}
	c->guest_shut |= new;
	if (c->guest_shut == VSOCK_SHUT_BOTH) {
		/* The guest's socket waits for the RST, whatever the host still has to read. */
		c->due = 0;
		become_due(c, DUE_RST);
		return;
	}
	if (new &VSOCK_SHUT_SEND) {
		if (c->type == VSOCK_SEQPACKET)
			seqpacket_cut(c);
		shut_host(c);
	}
	if (new &VSOCK_SHUT_RECEIVE) {
		shutdown(c->io.fd, SHUT_RD);
		c->host_eof = true;
		c->readable = false;
	}
}

/* The answer of the hybrid protocol; the socket is fresh, so that it takes the whole line or is gone. */
static void greet(struct conn *c)
{
	char line[24];
	int n = snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	if (send(c->io.fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		conn_host_gone(c);
}

static void learn_credit(struct conn *c, const struct vsock_header *h)
{
	bool answer = c->asked && h->op == VSOCK_OP_CREDIT_UPDATE;
	bool more;

	c->peer_buf_alloc = h->buf_alloc;
	c->peer_fwd_cnt = h->fwd_cnt;
	weigh(c, c->tx_cnt - c->peer_fwd_cnt);
	if (c->peer_fwd_cnt == c->tx_cnt)
		c->packets = 0;
	more = c->starved && conn_credit(c) > 0 && !(c->type == VSOCK_SEQPACKET && seqpacket_crowded(c));
	if (answer) {
		c->asked = false;
		c->shy = more;
	}
	if (more) {
		c->starved = false;
		c->tries = 0;
		loop_timer_disarm(&c->timer);
	}
}

void conn_packet(struct conn *c, const struct vsock_header *h, struct iovec *iov, int count)
{
	if (c->due & DUE_RST) { /* over, only not said yet */
		if (h->op == VSOCK_OP_RST)
			drain(c);
		return;
	}
	learn_credit(c, h);
	switch (h->op) {
	case VSOCK_OP_RESPONSE:
		if (c->state != CONN_REQUEST || c->due & DUE_REQUEST || c->later) {
			conn_abort(c);
			return;
		}
		opened(c);
		c->tries = 0;
		device_taken(c->dev, c);
		if (c->hybrid)
			greet(c);
		break;
	case VSOCK_OP_RST:
		if (c->state == CONN_REQUEST && (c->later || request_later(c)))
			return;
		if (c->state == CONN_REQUEST)
			c->dev->stats.refused++;
		drain(c);
		return;
	case VSOCK_OP_SHUTDOWN:
		guest_shutdown(c, h->flags);
		break;
	case VSOCK_OP_RW:
		receive(c, h, iov, count);
		break;
	case VSOCK_OP_CREDIT_UPDATE:
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		c->due |= DUE_CREDIT;
		break;
	default:
		conn_abort(c);
		return;
	}
	queue_turn(c);
}

/* --- host to guest ----------------------------------------------------------------------------------------------- */

/* What a stream may have under way in the guest: a share of what is left for all, so that each byte is read soon after
 * it was sent however many streams there are. A message goes as a whole or not at all, and is bounded by the guest. */
static uint32_t window(const struct conn *c)
{
	uint64_t others = c->dev->flight - c->flight, share;

	if (c->type == VSOCK_SEQPACKET)
		return UINT32_MAX;
	share = (others < FLIGHT_TOTAL ? FLIGHT_TOTAL - others : 0) / FLIGHT_SHARES;
	return share > FLIGHT_MIN ? (uint32_t)share : FLIGHT_MIN;
}

uint32_t conn_credit(const struct conn *c)
{
	uint32_t used = c->tx_cnt - c->peer_fwd_cnt, most = window(c);

	if (most > c->peer_buf_alloc)
		most = c->peer_buf_alloc;
	return used < most ? most - used : 0;
}

void conn_sent(struct conn *c, uint32_t bytes)
{
	c->tx_cnt += bytes;
	c->dev->stats.to_guest += bytes;
	weigh(c, c->tx_cnt - c->peer_fwd_cnt);
}

/* The guest has no room. An end of file needs none, and an empty socket none yet. */
void conn_starve(struct conn *c)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = c->message_len > 0 ? 1 : seqpacket_recv(c->io.fd, &m, MSG_PEEK);

	if (n < 0 && errno == EAGAIN) {
		c->readable = false;
	} else if (n <= 0) {
		conn_host_eof(c);
	} else {
		/* Linux tells by itself when its program has read enough: a question would cost it two packets. */
		c->starved = true;
		c->asked = false;
		c->tries = 0;
		hurry(c, c->shy ? SHY_US : STARVE_US);
	}
}

static bool wants_data(const struct conn *c)
{
	return c->state == CONN_OPEN && (c->readable || c->message_len > 0) && !c->starved &&
		!(c->guest_shut & VSOCK_SHUT_RECEIVE);
}

bool conn_wants_turn(const struct conn *c)
{
	return c->due || wants_data(c);
}

struct vsock_header conn_header(struct conn *c, uint16_t op, uint32_t flags)
{
	c->told_fwd_cnt = c->fwd_cnt;
	c->due &= (uint8_t)~DUE_CREDIT; /* every packet tells it */
	return (struct vsock_header){
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = c->dev->cid,
		.src_port = c->host_port,
		.dst_port = c->guest_port,
		.type = c->type,
		.op = op,
		.flags = flags,
		.buf_alloc = c->buf_alloc,
		.fwd_cnt = c->fwd_cnt,
	};
}

/* One packet without payload. False: no place. */
static bool tell(struct conn *c, uint8_t due, uint16_t op, uint32_t flags)
{
	struct vsock_header h;
	struct fill f;

	if (!device_fill_begin(c->dev, &f, 0))
		return false;
	h = conn_header(c, op, flags);
	device_fill_end(c->dev, &f, &h, 0, flags);
	c->due &= (uint8_t)~due;
	return true;
}

/* What has to come before data. */
static bool tell_first(struct conn *c)
{
	static const struct {
		uint8_t due;
		uint16_t op;
	} order[] = {
		{ DUE_REQUEST, VSOCK_OP_REQUEST },
		{ DUE_RESPONSE, VSOCK_OP_RESPONSE },
		{ DUE_CREDIT, VSOCK_OP_CREDIT_UPDATE },
		{ DUE_CREDIT_REQUEST, VSOCK_OP_CREDIT_REQUEST },
	};
	size_t i;

	for (i = 0; i < array_len(order); i++)
		if (c->due & order[i].due && !tell(c, order[i].due, order[i].op, 0))
			return false;
	return true;
}

/* What was read tells how many receive buffers the next read is worth. */
static void learn(struct conn *c, uint32_t want, uint32_t n)
{
	if (n == want)
		c->burst = want < QUANTUM / 4 ? 4 * want : QUANTUM;
	else if (n < BURST_MIN)
		c->burst = BURST_MIN;
	if (c->burst < BURST_MIN)
		c->burst = BURST_MIN;
}

static bool fill_stream(struct conn *c)
{
	uint32_t credit = conn_credit(c), want = credit < c->burst ? credit : c->burst;
	struct msghdr m = { .msg_iov = c->dev->fill_iov };
	struct vsock_header h;
	struct fill f;
	ssize_t n;

	if (c->dev->first && want > FIRST)
		want = FIRST;
	if (want == 0) {
		conn_starve(c);
		return true;
	}
	if (!device_fill_begin(c->dev, &f, want))
		return false;
	/* Whole buffers where credit allows it: a packet costs the guest the same, full or not. */
	if (f.room < want || f.room <= credit)
		want = (uint32_t)f.room;
	m.msg_iovlen = (size_t)device_fill_iov(c->dev, &f, want);
	do
		n = recvmsg(c->io.fd, &m, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		device_fill_cancel(c->dev, &f);
		if (n < 0 && errno == EAGAIN)
			c->readable = false;
		else
			conn_host_eof(c); /* an error (ECONNRESET) is an end, too */
		return true;
	}
	h = conn_header(c, VSOCK_OP_RW, 0);
	device_fill_end(c->dev, &f, &h, (size_t)n, 0);
	conn_sent(c, (uint32_t)n);
	/* A short read empties the socket, and what comes next is an event; but not when the read stopped at
	 * descriptors that somebody passed (they are dropped), nor when the end of file was an event before. */
	if ((uint32_t)n < want && !(m.msg_flags & MSG_CTRUNC) && !c->ending)
		c->readable = false;
	learn(c, want, (uint32_t)n);
	return true;
}

static bool turn(struct conn *c)
{
	if (!tell_first(c))
		return false;
	if (wants_data(c) && !(c->type == VSOCK_SEQPACKET ? seqpacket_fill(c) : fill_stream(c)))
		return false;
	if (!(c->due & DUE_SHUTDOWN))
		return true;
	if (!tell(c, DUE_SHUTDOWN, VSOCK_OP_SHUTDOWN, c->sent_shut))
		return false;
	if (c->sent_shut == VSOCK_SHUT_BOTH) {
		c->state = CONN_CLOSING;
		c->starved = false;
		close_socket(c);
		hurry(c, CLOSING_US);
	}
	return true;
}

bool conn_turn(struct conn *c)
{
	bool done;

	if (c->due & DUE_RST) {
		done = tell(c, DUE_RST, VSOCK_OP_RST, 0);
		if (done) {
			drain(c);
			return true;
		}
	} else {
		done = turn(c);
	}
	/* A turn that is not over goes on where it was: with many waiting, the end of the list is far away. */
	if (done)
		queue_turn(c);
	else if (list_empty(&c->place))
		list_prepend(&c->dev->ready, &c->place);
	return done;
}

/* --- the socket -------------------------------------------------------------------------------------------------- */

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct conn *c = io->data;

	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->ending = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && !c->host_eof)
		c->readable = true;
	if (events & EPOLLOUT && !c->writable) {
		c->writable = true;
		if (c->type == VSOCK_SEQPACKET)
			seqpacket_flush(c);
		else
			flush_stream(c);
		if (c->spill.len == 0 && c->state == CONN_DRAINING) {
			conn_free(c);
			return;
		}
		shut_host(c);
		if (c->writable && loop_io_active(&c->io))
			loop_io_want(&c->io, WATCHED | EPOLLET, NULL); /* else it hears more than it needs */
	}
	if (events & (EPOLLHUP | EPOLLERR)) {
		conn_host_gone(c);
		if (c->state == CONN_DRAINING) {
			conn_free(c);
			return;
		}
	}
	queue_turn(c);
}
