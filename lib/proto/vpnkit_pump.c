#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vpnkit_link.h"

enum {
	CHUNK = 64 * 1024,
	CHUNKS = 4, /* of one socket before others get their turn */
};

/* Two ways that end by themselves:
 *
 *   socket --> channel:  pump_read, until the socket's end (vpnkit_channel_shutdown), or until the peer hears no more
 *   channel --> socket:  pump_data, until the channel's end (shutdown), or until the socket hears no more
 *
 * Both have ended: pump_finish. A socket whose other end is gone reports that again and again; while what it still
 * holds cannot be sent on it is taken out of the loop (`hung`), and is read when there is room. */
struct pump {
	struct loop *loop;
	struct vpnkit_channel *channel;
	struct loop_io io;
	size_t *count;
	bool in_done, out_done;
	bool no_room; /* the channel takes nothing now */
	bool full;    /* the socket takes nothing now */
	bool hung;
};

static void pump_free(struct pump *p)
{
	loop_io_remove(&p->io);
	close(p->io.fd);
	if (p->count)
		--*p->count;
	vpnkit_channel_close(p->channel);
	free(p);
}

/* What is lost is not to look like an end. */
static void pump_abort(struct pump *p)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(p->io.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* fails for other sockets than TCP's */
	pump_free(p);
}

/* True: it has ended, and is gone. */
static bool pump_finish(struct pump *p)
{
	if (!p->in_done || !p->out_done)
		return false;
	pump_free(p);
	return true;
}

static void pump_want(struct pump *p)
{
	if (!p->hung)
		loop_io_want(&p->io, (p->in_done || p->no_room ? 0 : EPOLLIN) | (p->full ? EPOLLOUT : 0), NULL);
}

/* --- socket to channel ------------------------------------------------------------------------------------------- */

/* 1: perhaps more, 0: not now, or the end, -1: the socket has failed. */
static int pump_read_chunk(struct pump *p)
{
	size_t room;
	uint8_t *to = vpnkit_channel_reserve(p->channel, CHUNK, &room);
	ssize_t n;

	p->no_room = !to;
	if (!to)
		return 0;
	n = recv(p->io.fd, to, room, MSG_DONTWAIT);
	vpnkit_channel_commit(p->channel, n > 0 ? (size_t)n : 0);
	if (n == 0) {
		p->in_done = true;
		vpnkit_channel_shutdown(p->channel);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	return n > 0 && (p->hung || (size_t)n == room);
}

/* One that is out of the loop is read as far as it goes: no event comes for the rest. False: it is gone. */
static bool pump_read(struct pump *p, int chunks)
{
	int r = 1;

	while (r > 0 && (p->hung || chunks-- > 0))
		r = pump_read_chunk(p);
	if (r < 0) {
		pump_abort(p);
		return false;
	}
	if (pump_finish(p))
		return false;
	pump_want(p);
	return true;
}

static void pump_room(struct vpnkit_channel *c)
{
	struct pump *p = c->data;

	if (!p->in_done)
		pump_read(p, 1);
}

static void pump_lost(struct vpnkit_channel *c)
{
	pump_abort(c->data);
}

static void pump_closed(struct vpnkit_channel *c)
{
	struct pump *p = c->data;

	p->in_done = true;
	shutdown(p->io.fd, SHUT_RD); /* fails when the other end is gone */
	if (!pump_finish(p))
		pump_want(p);
}

/* --- channel to socket ------------------------------------------------------------------------------------------- */

static size_t pump_data(struct vpnkit_channel *c, const uint8_t *bytes, size_t n)
{
	struct pump *p = c->data;
	ssize_t sent;

	if (p->out_done)
		return n; /* nobody reads it */
	if (p->full)
		return 0;
	do
		sent = send(p->io.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN) {
		p->out_done = true;
		pump_finish(p);
		return n;
	}
	if (sent < 0)
		sent = 0;
	p->full = (size_t)sent < n;
	if (p->full)
		pump_want(p);
	return (size_t)sent;
}

static void pump_ended(struct vpnkit_channel *c)
{
	struct pump *p = c->data;

	p->out_done = true;
	shutdown(p->io.fd, SHUT_WR); /* as above */
	if (!pump_finish(p))
		pump_want(p);
}

/* --- both -------------------------------------------------------------------------------------------------------- */

static void pump_ready(struct loop_io *io, uint32_t events)
{
	struct pump *p = io->data;
	bool gone = events & (EPOLLHUP | EPOLLERR);

	if (p->full && (events & EPOLLOUT || gone)) {
		struct vpnkit_channel *c = p->channel;

		p->full = false;
		vpnkit_channel_pull(c);
		if (c->close_sent)
			return;
		pump_want(p);
	}
	if (gone && p->in_done) { /* both of its ways have ended */
		p->out_done = true;
		pump_finish(p);
		return;
	}
	if ((events & EPOLLIN || gone) && !p->no_room && !pump_read(p, CHUNKS))
		return;
	if (gone && p->no_room && !p->in_done) {
		loop_io_remove(io);
		p->hung = true;
	}
}

static const struct vpnkit_channel_handler pump_handler = {
	.data = pump_data,
	.ended = pump_ended,
	.closed = pump_closed,
	.lost = pump_lost,
	.room = pump_room,
};

int vpnkit_pump_start(struct loop *loop, struct vpnkit_channel *c, int fd, size_t *count, struct error *err)
{
	struct pump *p = calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		vpnkit_channel_close(c);
		return error_set(err, ENOMEM, "channel");
	}
	*p = (struct pump){ .loop = loop, .channel = c, .count = count };
	p->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = pump_ready, .data = p };
	if (count)
		++*count;
	if (loop_io_add(loop, &p->io, err) < 0) {
		pump_free(p);
		return -1;
	}
	c->handler = &pump_handler;
	c->data = p;
	vpnkit_channel_accept(c);
	vpnkit_channel_pull(c);
	return 0;
}
