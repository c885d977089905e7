/* One connection: a stream (or sequence of messages) between a port of the guest and a Unix socket of the host.
 *
 * Three state machines. The first is the connection's life:
 *
 *   a client of the host connects                      the guest sends REQUEST
 *            |                                                  |
 *            v    REQUEST has a place in the ring               v
 *         ASKING -----------------------------> ASKED        DIALING <-+ the host socket's backlog is full:
 *            ^                                 |     |          |    |_| tried again after a while
 *            | after a while                   |     |          |
 *            +------------ BACKLOG <-----------+     |          | connected: RESPONSE
 *                RST of a guest whose backlog        | RESPONSE |
 *                may be full                         v          v
 *                                                   OPEN <------+
 *                                                    |
 *            +---------------------------------------+-------------------------+
 *            | the host ended both directions,       | the guest ended both:   | broken rules, no memory, no answer
 *            | and SHUTDOWN(BOTH) is in the ring     | SHUTDOWN(BOTH)          | in time: from every state
 *            v                                       v                         v
 *         CLOSING ------------------------------> ENDING                     ABORTED
 *            |     the guest's SHUTDOWN(BOTH),       |                         |
 *            |     or none of its RST in time:       | RST has a place         | RST has a place
 *            |     ABORTED                           v                         v
 *            +--------------------------------->  DRAINING                   freed
 *                 RST of the guest: from every       |
 *                 state but BACKLOG, too             v all bytes of the guest are written, or the host is gone
 *                                                  freed
 *
 * ASKED, BACKLOG, DIALING and CLOSING have a deadline (the timer); OPEN has one while it starves. From ASKING to
 * ABORTED the connection is in the table and hears packets; DRAINING has left the table, so that its ports are free.
 * ENDING and ABORTED hear nothing but RST. ABORTED has no socket any more; ENDING writes on.
 *
 * The second is the direction to the host. Bytes go from the ring straight to the socket; what the socket does not take
 * at once is copied to `spill`, which never holds more than the credit that the guest was given:
 *
 *   NONE ---> READY <-----> FULL ---> GONE         NONE: no socket yet. FULL: the socket takes no more, EPOLLOUT brings
 *               |                      ^           READY back. GONE: writing fails; what the guest sends is counted
 *               +----------------------+           as read and dropped.
 *
 * Once all that came before the guest's SHUTDOWN(SEND) is written, the socket gets shutdown(SHUT_WR).
 *
 * The third is the direction to the guest. Bytes wait in the socket until there is credit and a place in the ring:
 *
 *   EMPTY <-----> READY <-----> STARVED <-----> ASKED       EMPTY: nothing is known to be in the socket, which is
 *     |             |                                       watched edge-triggered. STARVED: there are bytes, and
 *     +-------------+---------> ENDED                       the guest has no room; it tells by itself when it has.
 *                                                           ASKED: it did not in time, and has been asked.
 *                                                           ENDED: nothing more will be read.
 *
 * The host's end of file goes to the guest as SHUTDOWN(SEND), a host that is gone as SHUTDOWN(RECEIVE); both: BOTH.
 *
 * The files call each other downwards only:
 *
 *   conns.c (all connections) -> conn.c (packets, turns, events of the socket, deadlines)
 *     -> stream.c, seqpacket.c (struct conn_kind: payload, each way) -> flow.c (credit, what is due, the end)
 *       -> fill.c, table.c */
#pragma once

#include <sys/socket.h>

#include "buf.h"
#include "conns.h"

enum conn_state {
	CONN_ASKING,
	CONN_ASKED,
	CONN_BACKLOG,
	CONN_DIALING,
	CONN_OPEN,
	CONN_CLOSING,
	CONN_ENDING,
	CONN_ABORTED,
	CONN_DRAINING,
};

enum to_host { TO_HOST_NONE, TO_HOST_READY, TO_HOST_FULL, TO_HOST_GONE };
enum to_guest { TO_GUEST_EMPTY, TO_GUEST_READY, TO_GUEST_STARVED, TO_GUEST_ASKED, TO_GUEST_ENDED };

/* Packets that the guest is owed, in this order; DATA stands before SHUTDOWN. REQUEST and RST follow from the state. */
enum {
	DUE_RESPONSE = 1 << 0,
	DUE_CREDIT = 1 << 1,
	DUE_CREDIT_REQUEST = 1 << 2,
	DUE_SHUTDOWN = 1 << 3,
};

enum {
	CONN_QUANTUM = 64 << 10,             /* bytes to the guest in one turn */
	CONN_WATCHED = EPOLLIN | EPOLLRDHUP, /* of the socket, always; edges */
};

struct conn;

/* What a stream and a sequence of messages do differently. */
struct conn_kind {
	/* Payload of one RW packet, for the socket or the spill. -1: no memory, or the socket never takes it. */
	int (*receive)(struct conn *c, const struct vsock_header *h, struct iovec *iov, int iov_count);
	/* Writes what is in the spill until the socket takes no more. */
	void (*flush)(struct conn *c);
	/* The guest sends no more: drops what nobody can use. */
	void (*cut)(struct conn *c);
	/* A quantum of bytes to the guest. False: the ring is full. */
	bool (*fill)(struct conn *c);
	/* The guest holds as many packets as it may, whatever its credit. */
	bool (*crowded)(const struct conn *c);
	/* Bytes that it may have under way in the guest beside the guest's own bound. */
	uint32_t (*window)(const struct conn *c);
};

extern const struct conn_kind conn_stream, conn_seqpacket;

struct conn {
	struct conns *all;
	const struct conn_kind *kind;
	struct table_place at; /* the ports */
	struct loop_io io;     /* io.fd -1: no socket yet, or closed */
	struct loop_timer timer;
	struct list place; /* in all->ready or all->draining */
	uint16_t type;
	uint8_t state;      /* enum conn_state */
	uint8_t to_host;    /* enum to_host */
	uint8_t to_guest;   /* enum to_guest */
	uint8_t due;        /* DUE_ bits */
	uint8_t guest_shut; /* VSOCK_SHUT_ bits that the guest has sent */
	uint8_t sent_shut;  /* and those that it has been sent, or that are due */
	uint8_t tries;      /* of dialing, of asking the guest, or of asking for credit */
	bool greet;         /* the client expects "OK PORT" */
	bool closes;        /* the socket has announced its end: a short read does not empty it */
	bool shy;           /* the guest had credit the last time it was asked, and had not said so */
	uint64_t asked_us;  /* first time that the guest was asked for this connection */
	/* guest to host */
	uint32_t buf_alloc, rx_cnt, fwd_cnt, told_fwd_cnt;
	struct buf spill;
	struct buf marks; /* seqpacket: lengths of the whole messages at the start of spill, uint32_t each */
	uint32_t marked;  /* their sum */
	/* host to guest */
	uint32_t peer_buf_alloc, peer_fwd_cnt, tx_cnt;
	uint32_t flight; /* its part of all->flight */
	uint32_t burst;  /* stream: bytes worth reading at once */
	/* seqpacket: */
	uint32_t message_len, message_sent; /* the message that is being sent, maybe in parts; 0: none */
	uint32_t packets;                   /* sent since the guest had read all */
};

static inline struct conn *conn_of(struct table_place *p)
{
	return p ? list_entry(p, struct conn, at) : NULL;
}

/* --- conn.c, for conns.c ----------------------------------------------------------------------------------------- */

/* In no table yet. NULL without memory. */
struct conn *conn_create(struct conns *all, uint32_t host_port, uint32_t guest_port, uint16_t type);
/* Ends it at once; the guest is not told. */
void conn_free(struct conn *c);
/* The socket becomes the connection's. -1: it cannot be watched; the descriptor is still the caller's. */
int conn_attach(struct conn *c, int fd);
/* It is in the table and has its socket: ASKING. */
void conn_ask(struct conn *c);
/* The guest's REQUEST: tries the host's socket, and again while its backlog is full. False: refused; the caller answers
 * and frees. */
bool conn_dial(struct conn *c);
/* A packet of the guest for it. May free it. */
void conn_packet(struct conn *c, const struct vsock_header *h, struct iovec *iov, int iov_count);
/* Its turn. False: the ring is full and the turn is not over. May free it. */
bool conn_turn(struct conn *c);

/* --- flow.c, for conn.c, stream.c and seqpacket.c ------------------------------------------------------------------
 */

/* Puts it into the list for turns if it has something for the guest, and wakes the device. */
void flow_queue(struct conn *c);
void flow_due(struct conn *c, uint8_t what);
/* Broken rules, or no memory: ABORTED. */
void flow_abort(struct conn *c);
void flow_close_socket(struct conn *c);
/* The timer, which only makes things quicker: without memory for it the state has no deadline. */
void flow_hurry(struct conn *c, uint64_t delay_us);

/* The socket ended, or failed, for reading; for writing; it takes no more now. */
void flow_host_ended(struct conn *c);
void flow_host_gone(struct conn *c);
void flow_host_full(struct conn *c);
/* What the guest shut is shut towards the host, once all before it is written. */
void flow_shut_host(struct conn *c);
/* Bytes of the guest have left our buffer. */
void flow_forwarded(struct conn *c, uint32_t bytes);
/* Tells the guest of free room before it runs dry. */
void flow_check_credit(struct conn *c);

/* Credit for one more connection. */
uint32_t flow_share(const struct conns *all);
/* Bytes that the guest takes now. */
uint32_t flow_credit(const struct conn *c);
/* Bytes have gone to the guest. */
void flow_sent(struct conn *c, uint32_t bytes);
/* No bytes of it are under way in the guest any more, as far as the others are concerned. */
void flow_unweigh(struct conn *c);
/* What every packet of the guest says of its room. */
void flow_learn_credit(struct conn *c, const struct vsock_header *h);
/* The guest has no room: STARVED, if there is something to send at all. */
void flow_starve(struct conn *c);
/* Its deadline: ASKED. */
void flow_ask_credit(struct conn *c);

/* The header of a packet of this connection; without len. */
struct vsock_header flow_header(struct conn *c, uint16_t op, uint32_t flags);
/* One packet without payload. False: the ring is full. */
bool flow_tell(struct conn *c, uint16_t op, uint32_t flags);
/* recvmsg(2) without waiting. A peer that left something unread is an error once; what it has sent comes all the same.
 */
ssize_t flow_recv(int fd, struct msghdr *m, int flags);
