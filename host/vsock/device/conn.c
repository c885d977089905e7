#include "conn_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	REQUEST_US = 10 * 1000000, /* for the guest's answer */
	CLOSING_US = 8 * 1000000,  /* for the guest's RST; Linux waits as long */
	DIAL_US = 5000,            /* before a full backlog is tried again; doubles */
	DIAL_DOUBLINGS = 4,
	DIAL_TRIES = 32,      /* two seconds and a half in all: Linux gives up after two */
	BACKLOG_US = 2500000, /* the same for a backlog of the guest */
};

static void conn_late(struct loop_timer *t);
static void socket_ready(struct loop_io *io, uint32_t events);

/* --- to be and not to be ------------------------------------------------------------------------------------------ */

struct conn *conn_create(struct conns *all, uint32_t host_port, uint32_t guest_port, uint16_t type)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->all = all;
	c->kind = type == VSOCK_SEQPACKET ? &conn_seqpacket : &conn_stream;
	c->type = type;
	c->io.fd = -1;
	c->timer.fn = conn_late;
	c->timer.data = c;
	c->at.host_port = host_port;
	c->at.guest_port = guest_port;
	c->buf_alloc = flow_share(all);
	list_init(&c->place);
	all->total++;
	return c;
}

/* The guest and the others see nothing of it any more. */
static void conn_leave(struct conn *c)
{
	flow_unweigh(c);
	table_remove(&c->all->table, &c->at);
	list_remove(&c->place);
	loop_timer_disarm(&c->timer);
}

void conn_free(struct conn *c)
{
	conn_leave(c);
	flow_close_socket(c);
	buf_free(&c->spill);
	buf_free(&c->marks);
	c->all->total--;
	free(c);
}

/* The guest has done with it, and its ports are free for others. */
static void conn_drain(struct conn *c)
{
	c->kind->cut(c);
	if (c->spill.len == 0 || c->to_host == TO_HOST_GONE || c->io.fd < 0) {
		conn_free(c);
		return;
	}
	conn_leave(c);
	c->state = CONN_DRAINING;
	list_append(&c->all->draining, &c->place);
}

int conn_attach(struct conn *c, int fd)
{
	c->io = (struct loop_io){
		.fd = fd,
		.events = CONN_WATCHED | EPOLLET,
		.fn = socket_ready,
		.data = c,
	};
	if (loop_io_add(c->all->loop, &c->io, NULL) < 0) {
		c->io.fd = -1;
		return -1;
	}
	c->to_host = TO_HOST_READY; /* until a write says otherwise */
	return 0;
}

static void conn_open(struct conn *c)
{
	c->state = CONN_OPEN;
	c->to_guest = TO_GUEST_READY;
	c->tries = 0;
	c->all->stats.opened++;
	loop_timer_disarm(&c->timer);
}

/* --- the host asks ------------------------------------------------------------------------------------------------ */

void conn_ask(struct conn *c)
{
	c->state = CONN_ASKING;
	c->asked_us = loop_now();
	flow_hurry(c, REQUEST_US);
	flow_queue(c);
}

/* Before a full backlog is tried again. */
static uint64_t retry_delay(const struct conn *c)
{
	return (uint64_t)DIAL_US << (c->tries < DIAL_DOUBLINGS ? c->tries : DIAL_DOUBLINGS);
}

/* The guest's RST to a REQUEST says that nothing listens, or that the listener's backlog is full: the packets are
 * alike. A full one holds connections that the guest took: where it has none, and took none lately, nothing listens.
 * Else it is asked again, for as long as the port goes on taking others, and BACKLOG_US at least. False: refused. */
static bool backlog_wait(struct conn *c)
{
	uint64_t now = loop_now(), taken;

	if (!table_taken(&c->all->table, c->at.guest_port, &taken) && now - taken >= BACKLOG_US)
		return false;
	if (now - c->asked_us >= REQUEST_US || (now - c->asked_us >= BACKLOG_US && now - taken >= BACKLOG_US))
		return false;
	if (c->tries < DIAL_DOUBLINGS)
		c->tries++;
	if (loop_timer_after(c->all->loop, &c->timer, retry_delay(c), NULL) < 0)
		return false;
	c->state = CONN_BACKLOG;
	return true;
}

static void backlog_ask_again(struct conn *c)
{
	uint64_t past = loop_now() - c->asked_us;

	c->state = CONN_ASKING;
	flow_hurry(c, past < REQUEST_US ? REQUEST_US - past : 0);
	flow_queue(c);
}

/* The answer of the hybrid protocol; the socket is fresh, so that it takes the whole line or is gone. */
static void client_greet(struct conn *c)
{
	char line[24];
	int n = snprintf(line, sizeof(line), "OK %u\n", c->at.host_port);

	if (send(c->io.fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		flow_host_gone(c);
}

static void guest_took(struct conn *c)
{
	if (c->state != CONN_ASKED) {
		flow_abort(c);
		return;
	}
	conn_open(c);
	table_note_taken(&c->all->table, &c->at);
	if (c->greet)
		client_greet(c);
	flow_queue(c);
}

/* --- the guest asks ----------------------------------------------------------------------------------------------- */

bool conn_dial(struct conn *c)
{
	int fd = -1;
	enum dial r = c->all->dial(c->all->dial_data, c->at.host_port, c->type, &fd);

	if (r == DIAL_DONE && conn_attach(c, fd) < 0) {
		close(fd);
		r = DIAL_REFUSED;
	}
	if (r == DIAL_DONE) {
		conn_open(c);
		flow_due(c, DUE_RESPONSE);
		return true;
	}
	c->state = CONN_DIALING;
	if (r == DIAL_REFUSED || ++c->tries == DIAL_TRIES)
		return false;
	flow_hurry(c, retry_delay(c));
	return true;
}

/* --- deadlines ---------------------------------------------------------------------------------------------------- */

static void conn_refuse(struct conn *c)
{
	c->all->stats.refused++;
	flow_abort(c);
}

static void conn_late(struct loop_timer *t)
{
	struct conn *c = t->data;

	switch ((enum conn_state)c->state) {
	case CONN_ASKING:
	case CONN_ASKED:
		conn_refuse(c);
		break;
	case CONN_BACKLOG:
		backlog_ask_again(c);
		break;
	case CONN_DIALING:
		if (!conn_dial(c))
			conn_refuse(c);
		break;
	case CONN_OPEN:
		flow_ask_credit(c);
		break;
	case CONN_CLOSING:
		c->state = CONN_ABORTED;
		flow_queue(c);
		break;
	case CONN_ENDING:
	case CONN_ABORTED:
	case CONN_DRAINING:
		break;
	}
}

/* --- packets of the guest ----------------------------------------------------------------------------------------- */

static void guest_sent(struct conn *c, const struct vsock_header *h, struct iovec *iov, int count)
{
	if (c->state == CONN_CLOSING)
		return; /* sent before the guest heard of the end */
	if (c->state != CONN_OPEN || c->guest_shut & VSOCK_SHUT_SEND ||
	    h->len > c->buf_alloc - (c->rx_cnt - c->fwd_cnt)) {
		flow_abort(c);
		return;
	}
	c->rx_cnt += h->len;
	if (c->kind->receive(c, h, iov, count) < 0)
		flow_abort(c);
	else
		flow_check_credit(c);
}

static void guest_shut(struct conn *c, uint32_t flags)
{
	uint8_t shut = (uint8_t)(flags & VSOCK_SHUT_BOTH & ~c->guest_shut);

	if (c->state != CONN_OPEN && c->state != CONN_CLOSING) {
		flow_abort(c);
		return;
	}
	c->guest_shut |= shut;
	if (c->guest_shut == VSOCK_SHUT_BOTH) {
		/* The guest's socket waits for the RST, whatever the host still has to read. */
		c->due = 0;
		c->state = c->state == CONN_OPEN ? CONN_ENDING : CONN_ABORTED;
		return;
	}
	if (shut & VSOCK_SHUT_SEND) {
		c->kind->cut(c);
		flow_shut_host(c);
	}
	if (shut & VSOCK_SHUT_RECEIVE) {
		shutdown(c->io.fd, SHUT_RD);
		c->to_guest = TO_GUEST_ENDED;
	}
}

static void guest_reset(struct conn *c)
{
	bool asked = c->state == CONN_ASKING || c->state == CONN_ASKED;

	if (c->state == CONN_BACKLOG || (asked && backlog_wait(c)))
		return;
	if (asked)
		c->all->stats.refused++;
	conn_drain(c);
}

void conn_packet(struct conn *c, const struct vsock_header *h, struct iovec *iov, int count)
{
	if (c->state == CONN_ENDING || c->state == CONN_ABORTED) {
		if (h->op == VSOCK_OP_RST)
			conn_drain(c);
		return;
	}
	flow_learn_credit(c, h);
	switch (h->op) {
	case VSOCK_OP_RESPONSE:
		guest_took(c);
		return;
	case VSOCK_OP_RST:
		guest_reset(c);
		return;
	case VSOCK_OP_SHUTDOWN:
		guest_shut(c, h->flags);
		break;
	case VSOCK_OP_RW:
		guest_sent(c, h, iov, count);
		break;
	case VSOCK_OP_CREDIT_UPDATE:
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		c->due |= DUE_CREDIT;
		break;
	default:
		flow_abort(c);
		return;
	}
	flow_queue(c);
}

/* --- turns -------------------------------------------------------------------------------------------------------- */

static bool due_tell(struct conn *c, uint8_t due, uint16_t op, uint32_t flags)
{
	if (!(c->due & due))
		return true;
	if (!flow_tell(c, op, flags))
		return false;
	c->due &= (uint8_t)~due;
	return true;
}

/* SHUTDOWN(BOTH) is in the ring: nothing is left for the socket. */
static void conn_close(struct conn *c)
{
	c->state = CONN_CLOSING;
	flow_close_socket(c);
	flow_hurry(c, CLOSING_US);
}

/* False: the ring is full. */
static bool turn_take(struct conn *c)
{
	bool shuts;

	if (c->state == CONN_ASKING) {
		if (!flow_tell(c, VSOCK_OP_REQUEST, 0))
			return false;
		c->state = CONN_ASKED;
	}
	if (!due_tell(c, DUE_RESPONSE, VSOCK_OP_RESPONSE, 0) || !due_tell(c, DUE_CREDIT, VSOCK_OP_CREDIT_UPDATE, 0) ||
	    !due_tell(c, DUE_CREDIT_REQUEST, VSOCK_OP_CREDIT_REQUEST, 0))
		return false;
	if (c->state == CONN_OPEN && c->to_guest == TO_GUEST_READY && !c->kind->fill(c))
		return false;
	shuts = c->due & DUE_SHUTDOWN;
	if (!due_tell(c, DUE_SHUTDOWN, VSOCK_OP_SHUTDOWN, c->sent_shut))
		return false;
	if (shuts && c->sent_shut == VSOCK_SHUT_BOTH)
		conn_close(c);
	return true;
}

bool conn_turn(struct conn *c)
{
	bool done;

	if (c->state == CONN_ENDING || c->state == CONN_ABORTED) {
		done = flow_tell(c, VSOCK_OP_RST, 0);
		if (done) {
			conn_drain(c);
			return true;
		}
	} else {
		done = turn_take(c);
	}
	/* A turn that is not over goes on where it was: with many waiting, the end of the list is far away. */
	if (done)
		flow_queue(c);
	else if (list_empty(&c->place))
		list_prepend(&c->all->ready, &c->place);
	return done;
}

/* --- the socket --------------------------------------------------------------------------------------------------- */

/* It takes bytes again. */
static void socket_writable(struct conn *c)
{
	c->to_host = TO_HOST_READY;
	c->kind->flush(c);
	flow_shut_host(c);
	if (c->to_host == TO_HOST_READY && loop_io_active(&c->io))
		loop_io_want(&c->io, CONN_WATCHED | EPOLLET, NULL); /* else it hears more than it needs */
}

static void socket_ready(struct loop_io *io, uint32_t events)
{
	struct conn *c = io->data;

	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->closes = true;
	if (events & (CONN_WATCHED | EPOLLHUP | EPOLLERR) && c->to_guest == TO_GUEST_EMPTY)
		c->to_guest = TO_GUEST_READY;
	if (events & EPOLLOUT && c->to_host == TO_HOST_FULL)
		socket_writable(c);
	if (events & (EPOLLHUP | EPOLLERR))
		flow_host_gone(c);
	if (c->state == CONN_DRAINING && c->spill.len == 0)
		conn_free(c);
	else
		flow_queue(c);
}
