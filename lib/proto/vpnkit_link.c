#include "vpnkit_link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHUNK = 128 * 1024,
	CHUNKS = 8, /* in one round of the loop */
};

/* What the peer sends goes from one chunk into the channels' sockets at once, and what they send from `out` as soon as
 * it is there:
 *
 *   link_ready -- recv --> vpnkit_mux_input --> handler.data of channels
 *                                |
 *                                +--> link_output, at the end of the round --+
 *   pumps -- vpnkit_channel_commit --> link_output --------------------------+--> link_flush --> handler.room of others
 *
 * A failure in link_flush is found in the middle of somebody's call: the timer tells of it when nobody is. */

static void link_lost(struct vpnkit_link *l, const struct error *why)
{
	if (l->told)
		return;
	l->told = true;
	loop_io_remove(&l->io);
	loop_timer_disarm(&l->failure);
	close(l->io.fd);
	l->io.fd = -1;
	vpnkit_mux_fail(&l->mux);
	l->lost(l, why);
}

static void link_want(struct vpnkit_link *l)
{
	loop_io_want(&l->io, (vpnkit_mux_choked(&l->mux) ? 0 : EPOLLIN) | (l->blocked ? EPOLLOUT : 0), NULL);
}

static void link_flush(struct vpnkit_link *l)
{
	struct buf *out = &l->mux.out;

	l->busy = true;
	while (!l->blocked && l->code == 0 && out->len > 0) {
		ssize_t n = send(l->io.fd, buf_bytes(out), out->len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			vpnkit_mux_sent(&l->mux, (size_t)n);
		else if (errno == EAGAIN)
			l->blocked = true;
		else if (errno != EINTR)
			l->code = errno;
	}
	l->busy = false;
	if (l->mux.failed && l->code == 0)
		l->code = ENOMEM;
	if (l->code != 0)
		loop_timer_arm(l->loop, &l->failure, loop_now(), NULL);
	link_want(l);
}

static void link_output(struct vpnkit_mux *m)
{
	struct vpnkit_link *l = (struct vpnkit_link *)(void *)((char *)m - offsetof(struct vpnkit_link, mux));

	if (!l->busy && !l->told && loop_io_active(&l->io))
		link_flush(l);
}

static void link_failed(struct loop_timer *t)
{
	_cleanup_error_ struct error e = { 0 };
	struct vpnkit_link *l = t->data;

	error_set(&e, l->code, "the stream");
	link_lost(l, &e);
}

/* 1: more may come, 0: not now, -1: the end, err filled unless it is the peer's. */
static int link_read(struct vpnkit_link *l, struct error *err)
{
	static uint8_t chunk[CHUNK];
	ssize_t n = recv(l->io.fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return error_set(err, errno, "the stream");
	if (n == 0)
		return -1;
	if (vpnkit_mux_input(&l->mux, chunk, (size_t)n, err) < 0)
		return -1;
	return (size_t)n == sizeof(chunk);
}

static void link_hear(struct vpnkit_link *l)
{
	if (!l->mux.greeted || l->heard)
		return;
	l->heard = true;
	if (l->greeted)
		l->greeted(l);
}

static void link_ready(struct loop_io *io, uint32_t events)
{
	_cleanup_error_ struct error e = { 0 };
	struct vpnkit_link *l = io->data;
	int r = 1, i;

	if (events & EPOLLOUT)
		l->blocked = false;
	l->busy = true; /* answers go out together */
	for (i = 0; r > 0 && i < CHUNKS && events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !vpnkit_mux_choked(&l->mux); i++)
		r = link_read(l, &e);
	l->busy = false;
	if (r < 0) {
		link_lost(l, &e);
		return;
	}
	link_flush(l);
	link_hear(l);
}

int vpnkit_link_start(struct vpnkit_link *l, struct loop *loop, int fd, bool handshake, const void *first, size_t n,
		      struct error *err)
{
	l->handler = *l->mux.handler;
	l->handler.output = link_output;
	l->mux.handler = &l->handler;
	l->loop = loop;
	l->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = link_ready, .data = l };
	l->failure = (struct loop_timer){ .fn = link_failed, .data = l };
	l->busy = true;
	if (vpnkit_mux_init(&l->mux, handshake) < 0)
		error_set(err, ENOMEM, "stream");
	else if (loop_io_add(loop, &l->io, err) == 0 && vpnkit_mux_input(&l->mux, first, n, err) == 0) {
		link_flush(l);
		return 0;
	}
	vpnkit_link_stop(l);
	return -1;
}

void vpnkit_link_stop(struct vpnkit_link *l)
{
	if (!l->loop)
		return;
	if (!l->told)
		vpnkit_mux_fail(&l->mux);
	l->told = true;
	loop_timer_disarm(&l->failure);
	loop_io_remove(&l->io);
	if (l->io.fd >= 0)
		close(l->io.fd);
	l->io.fd = -1;
	l->loop = NULL;
	vpnkit_mux_free(&l->mux);
}
