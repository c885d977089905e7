/* One stream (or sequence of messages) between a port of the guest and a Unix socket of the host.
 *
 * States, and what moves them on:
 *
 *   REQUEST   a host client is here; the guest is being asked. RESPONSE: OPEN. No answer in time: end. RST: asked again
 *             after a while where the guest's backlog may be full, else end.
 *   DIALING   the guest asked; the host socket's backlog is full, tried again. Connected: OPEN. Too long: RST, end.
 *   OPEN      bytes flow. Each direction ends on its own:
 *             the host's end of file goes to the guest as SHUTDOWN(SEND), the guest's SHUTDOWN(SEND) to the host as
 *             shutdown(SHUT_WR) once all before it is written. Guest done with both: RST is its answer, DRAINING.
 *             Host gone: SHUTDOWN(BOTH) once the guest has all that was left in the socket, CLOSING.
 *   CLOSING   waits for the guest's RST, or sends one after a time.
 *   DRAINING  not in the table any more: writes what the guest sent to a host that reads slowly, then closes.
 *
 * In every state before DRAINING a RST of the guest ends the connection (what it had sent is still written out), and a
 * packet that makes no sense is answered with one.
 *
 * Bytes from the guest go from the ring straight to the socket; what the socket does not take at once is copied to
 * `spill`, which never holds more than the credit that the guest was given. Bytes for the guest wait in the socket
 * until there is credit and a place in the ring. The socket is watched edge-triggered: `readable` and `writable` say
 * what it was last known to be, so that a socket that nobody can serve costs nothing. */
#pragma once

#include <sys/socket.h>

#include "buf.h"
#include "device.h"

enum conn_state { CONN_REQUEST, CONN_DIALING, CONN_OPEN, CONN_CLOSING, CONN_DRAINING };

/* What is to be told to the guest, in this order; DATA aside. */
enum {
	DUE_REQUEST = 1 << 0,
	DUE_RESPONSE = 1 << 1,
	DUE_CREDIT = 1 << 2,
	DUE_CREDIT_REQUEST = 1 << 3,
	DUE_SHUTDOWN = 1 << 4,
	DUE_RST = 1 << 5, /* the last: the connection ends with it */
};

struct conn {
	struct vsock_device *dev;
	struct loop_io io; /* io.fd -1: no socket yet, or closed */
	struct loop_timer timer;
	struct conn *next; /* in the table's chain */
	struct list place; /* in dev->ready or dev->draining */
	uint32_t host_port, guest_port;
	uint16_t type;
	uint8_t state; /* enum conn_state */
	uint8_t due;   /* DUE_ bits */
	bool inserted;
	bool taken;              /* the guest took it: counted by device_taken() */
	bool later;              /* REQUEST: the guest said RST, and is asked again when the timer fires */
	bool readable, writable; /* the socket, as far as known */
	bool ending;             /* the socket has announced its end */
	bool host_eof;           /* nothing more will be read from the socket */
	bool host_gone;          /* writing to the socket fails */
	bool hybrid;             /* the client expects "OK PORT" */
	uint8_t guest_shut;      /* VSOCK_SHUT_ bits that the guest has sent */
	uint8_t sent_shut;       /* that it has been sent */
	bool starved;            /* waits for the guest's credit */
	bool asked;              /* has asked for it, and has no answer yet */
	bool shy;                /* the guest had some the last time it was asked */
	uint8_t tries;           /* of dialing, of asking the guest, or of asking for credit */
	uint64_t asked_us;       /* REQUEST: since when */
	/* guest to host */
	uint32_t buf_alloc, rx_cnt, fwd_cnt, told_fwd_cnt;
	struct buf spill;
	struct buf marks; /* seqpacket: lengths of the whole messages at the start of spill, uint32_t each */
	uint32_t marked;  /* their sum */
	/* host to guest */
	uint32_t peer_buf_alloc, peer_fwd_cnt, tx_cnt;
	uint32_t flight; /* its part of dev->flight */
	uint32_t burst;  /* bytes worth reading at once */
	/* seqpacket: */
	uint32_t message_len, message_sent; /* the message that is being sent, maybe in parts; 0: none */
	uint32_t packets;                   /* sent since the guest had read all */
};

/* Both are in no table yet. NULL without memory; the descriptor (or -1) is the caller's then. */
struct conn *conn_new(struct vsock_device *dev, uint32_t host_port, uint32_t guest_port, uint16_t type);
/* Ends it at once; nothing is told to the guest. */
void conn_free(struct conn *c);

/* The socket, non-blocking, now the connection's. -1: it cannot be watched; the descriptor is still the caller's. */
int conn_attach(struct conn *c, int fd, struct error *err);
/* REQUEST starts. */
void conn_request(struct conn *c);
/* The guest's REQUEST: tries the host's socket, and again when its backlog is full. False: refused; the caller answers
 * and frees. */
bool conn_dial(struct conn *c);

/* A packet of the guest for this connection; the payload's pieces (h->len bytes) are changed. May free it. */
void conn_packet(struct conn *c, const struct vsock_header *h, struct iovec *iov, int iov_count);
/* Has something for the guest. */
bool conn_wants_turn(const struct conn *c);
/* Its turn: puts what is due, and up to a quantum of bytes, into the ring. False: the ring is full and the turn is not
 * over. May free it. */
bool conn_turn(struct conn *c);

/* --- between conn.c and seqpacket.c ---------------------------------------------------------------------------- */

struct vsock_header conn_header(struct conn *c, uint16_t op, uint32_t flags);
/* Bytes that the guest takes now. */
uint32_t conn_credit(const struct conn *c);
/* Bytes have gone to the guest. */
void conn_sent(struct conn *c, uint32_t bytes);
/* Waits for more, if there is something to send at all. */
void conn_starve(struct conn *c);
/* Broken rules, or no memory: RST, end. */
void conn_abort(struct conn *c);
/* The socket ended, or failed, for reading; for writing. */
void conn_host_eof(struct conn *c);
void conn_host_gone(struct conn *c);
/* The socket takes no more now. */
void conn_blocked(struct conn *c);
void conn_forwarded(struct conn *c, uint32_t bytes);

/* Payload of one RW packet; -1: no memory. */
int seqpacket_receive(struct conn *c, const struct vsock_header *h, struct iovec *iov, int iov_count);
/* Writes whole messages until the socket takes no more. */
void seqpacket_flush(struct conn *c);
/* The guest sends no more: what it has of an unfinished message is nothing to anybody. */
void seqpacket_cut(struct conn *c);
/* A quantum of messages to the guest. False: the ring is full. */
bool seqpacket_fill(struct conn *c);
/* The guest has many packets, however small: Linux ends a connection that makes it keep too many, and joins none that
 * end a message. */
bool seqpacket_crowded(const struct conn *c);
/* recvmsg(2) without waiting. A peer that left something unread is an error once; what it has sent comes all the same.
 */
ssize_t seqpacket_recv(int fd, struct msghdr *m, int flags);
