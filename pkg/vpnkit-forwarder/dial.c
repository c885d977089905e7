#include "forwarder.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backoff.h"
#include "log.h"
#include "unixsock.h"

enum { UNIX_PATIENCE_US = 120 * 1000 * 1000 };

/* How long until a Unix socket is tried again: whoever makes it may not have started yet. */
static const struct backoff again = { .first = 10 * 1000, .most = 1000 * 1000 };

/* A connection to a socket of the guest that is being made, for whoever waits for it. A channel is accepted only when
 * it stands, so that no byte comes before:
 *
 *   dial_start --+-- connect --> EPOLLOUT --+-- it stands: a relay or a pump carries the bytes from here on
 *      ^         |                          |
 *      |         |                          +-- refused: whoever waits is closed
 *      |         +-- Unix, nobody there yet --> waits, up to two minutes in all
 *      |                                          |
 *      +------------------------------------------+     the channel is closed by the peer, or lost: the dial ends */
struct dial {
	struct forwarder *forwarder;
	struct vpnkit_channel *channel; /* or */
	int fd;                         /* the dedicated connection, -1 */
	struct sockaddr_storage address;
	socklen_t len;
	struct loop_io io; /* .fd -1: none */
	struct loop_timer timer;
	uint64_t began, pause;
};

static void dial_free(struct dial *d)
{
	loop_io_remove(&d->io);
	loop_timer_disarm(&d->timer);
	if (d->io.fd >= 0)
		close(d->io.fd);
	if (d->fd >= 0)
		close(d->fd);
	if (d->channel)
		vpnkit_channel_close(d->channel);
	free(d);
}

static void dial_done(struct dial *d)
{
	_cleanup_error_ struct error e = { 0 };
	struct forwarder *f = d->forwarder;
	int fd = d->io.fd, r;

	loop_io_remove(&d->io);
	d->io.fd = -1;
	if (d->channel)
		r = vpnkit_pump_start(f->loop, steal_ptr(&d->channel), fd, &f->pumps, &e);
	else
		r = relay_start(&f->relays, steal_fd(&d->fd), fd, &e);
	if (r < 0)
		log_warn("%s", error_text(&e));
	dial_free(d);
}

static void dial_failed(struct dial *d, int code)
{
	log_debug("a connection of the host: %s", strerror(code));
	dial_free(d);
}

/* --- connecting --------------------------------------------------------------------------------------------------- */

static void dial_ready(struct loop_io *io, uint32_t events)
{
	struct dial *d = io->data;
	int code = 0;
	socklen_t len = sizeof(code);

	(void)events;
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code == 0)
		dial_done(d);
	else
		dial_failed(d, code);
}

static bool dial_waits(struct dial *d, int code)
{
	if (d->address.ss_family != AF_UNIX || (code != ECONNREFUSED && code != EAGAIN && code != ENOENT) ||
	    loop_now() - d->began > UNIX_PATIENCE_US)
		return false;
	if (d->pause == 0)
		log_debug("%s: nobody listens there yet", ((struct sockaddr_un *)&d->address)->sun_path);
	d->pause = backoff_next(&again, d->pause);
	return loop_timer_after(d->forwarder->loop, &d->timer, d->pause, NULL) == 0;
}

static void dial_try(struct dial *d)
{
	int on = 1;

	d->io.fd = socket(d->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->io.fd < 0) {
		dial_failed(d, errno);
		return;
	}
	if (d->address.ss_family != AF_UNIX) /* fails on nothing that matters: it is only slower then */
		setsockopt(d->io.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(d->io.fd, (struct sockaddr *)&d->address, d->len) == 0) {
		dial_done(d);
		return;
	}
	if (errno != EINPROGRESS) {
		int code = errno;

		close(d->io.fd);
		d->io.fd = -1;
		if (!dial_waits(d, code))
			dial_failed(d, code);
		return;
	}
	if (loop_io_add(d->forwarder->loop, &d->io, NULL) < 0)
		dial_failed(d, ENOMEM);
}

static void dial_timer(struct loop_timer *t)
{
	dial_try(t->data);
}

/* --- whoever waits ------------------------------------------------------------------------------------------------ */

static size_t channel_data(struct vpnkit_channel *c, const uint8_t *bytes, size_t n)
{
	(void)c;
	(void)bytes;
	(void)n;
	return 0;
}

static void channel_nothing(struct vpnkit_channel *c)
{
	(void)c;
}

static void channel_gone(struct vpnkit_channel *c)
{
	dial_free(c->data);
}

static const struct vpnkit_channel_handler waiting = {
	.data = channel_data,
	.ended = channel_nothing,
	.closed = channel_gone,
	.lost = channel_gone,
	.room = channel_nothing,
};

/* 0, or -1 with errno. */
static int dial_address(struct dial *d, const struct vpnkit_destination *to)
{
	d->len = sizeof(struct sockaddr_un);
	if (to->proto == VPNKIT_UNIX)
		return unixsock_address((struct sockaddr_un *)&d->address, -1, NULL, to->path);
	d->len = vpnkit_ip_address(&to->ip, to->port, &d->address);
	return 0;
}

static void dial_start(struct forwarder *f, int fd, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (!d) {
		if (fd >= 0)
			close(fd);
		if (c)
			vpnkit_channel_close(c);
		return;
	}
	*d = (struct dial){ .forwarder = f, .fd = fd, .channel = c, .began = loop_now() };
	d->io = (struct loop_io){ .fd = -1, .events = EPOLLOUT, .fn = dial_ready, .data = d };
	d->timer = (struct loop_timer){ .fn = dial_timer, .data = d };
	if (c) {
		c->handler = &waiting;
		c->data = d;
	}
	if (dial_address(d, to) < 0)
		dial_failed(d, errno);
	else
		dial_try(d);
}

void dial_dedicated(struct forwarder *f, int fd, const struct vpnkit_destination *to)
{
	dial_start(f, fd, NULL, to);
}

void dial_channel(struct forwarder *f, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	dial_start(f, -1, c, to);
}
