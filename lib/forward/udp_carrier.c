#include "udp_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*   NONE -- the first datagram: way_ask --> ASKED -- carrier_ready --> STREAM or CHANNEL
 *    ^                                           |                           |
 *    +-------- udp_carrier_close: nobody there, the end, the port closes ----+
 *
 * Datagrams wait in `out` in every state; it is NONE again with the next one that comes. */

enum { READ_BYTES = 64 * 1024 };

static void datagram_came(void *data, const struct vpnkit_datagram *d)
{
	struct udp_carrier *c = data;

	c->answered(c, d);
}

void udp_carrier_close(struct udp_carrier *c)
{
	way_forget(&c->wish);
	loop_io_remove(&c->io);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (c->channel)
		vpnkit_channel_close(c->channel);
	c->channel = NULL;
	vpnkit_datagrams_free(&c->answers);
	buf_free(&c->out);
	c->state = CARRIER_NONE;
}

/* --- to the other end
 * ------------------------------------------------------------------------------------------------- */

static void stream_flush(struct udp_carrier *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, buf_bytes(&c->out), c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (loop_io_want(&c->io, EPOLLIN | EPOLLOUT, NULL) == 0)
				return;
			n = -1;
		}
		if (n < 0) {
			udp_carrier_close(c);
			return;
		}
		buf_consume(&c->out, (size_t)n);
	}
	buf_free(&c->out);
	loop_io_want(&c->io, EPOLLIN, NULL); /* fewer events cannot fail */
}

static void channel_flush(struct udp_carrier *c)
{
	size_t n = 1;

	while (c->out.len > 0 && n > 0) {
		n = vpnkit_channel_send(c->channel, buf_bytes(&c->out), c->out.len);
		buf_consume(&c->out, n);
	}
	if (c->out.len == 0)
		buf_free(&c->out);
}

static void carrier_flush(struct udp_carrier *c)
{
	if (c->state == CARRIER_STREAM)
		stream_flush(c);
	else if (c->state == CARRIER_CHANNEL)
		channel_flush(c);
}

/* --- from the other end
 * ----------------------------------------------------------------------------------------------- */

static void carry_ready(struct loop_io *io, uint32_t events)
{
	static uint8_t bytes[READ_BYTES];
	struct udp_carrier *c = io->data;
	ssize_t n;

	if (events & EPOLLOUT)
		stream_flush(c);
	if (c->state != CARRIER_STREAM)
		return;
	n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || vpnkit_datagrams_feed(&c->answers, bytes, (size_t)n, datagram_came, c, NULL) < 0)
		udp_carrier_close(c);
}

static size_t channel_data(struct vpnkit_channel *channel, const uint8_t *bytes, size_t n)
{
	struct udp_carrier *c = channel->data;

	if (vpnkit_datagrams_feed(&c->answers, bytes, n, datagram_came, c, NULL) < 0)
		udp_carrier_close(c);
	return n;
}

static void channel_gone(struct vpnkit_channel *channel)
{
	udp_carrier_close(channel->data);
}

static void channel_room(struct vpnkit_channel *channel)
{
	channel_flush(channel->data);
}

static const struct vpnkit_channel_handler channel_handler = {
	.data = channel_data,
	.ended = channel_gone,
	.closed = channel_gone,
	.lost = channel_gone,
	.room = channel_room,
};

static void waiting_came(void *data, const struct vpnkit_datagram *d)
{
	struct udp_carrier *c = data;

	c->divided(c, d);
}

/* What waited in common for an end that turns out to have channels goes into those of its flows. */
static void carrier_divide(struct udp_carrier *c, struct vpnkit_channel *channel)
{
	_cleanup_(vpnkit_datagrams_free) struct vpnkit_datagrams waiting = { 0 };
	_cleanup_buf_ struct buf out = c->out;

	c->out = (struct buf){ 0 };
	vpnkit_channel_close(channel);
	udp_carrier_close(c);
	(void)vpnkit_datagrams_feed(&waiting, buf_bytes(&out), out.len, waiting_came, c, NULL); /* our own */
}

static void carrier_ready(struct way_wish *w, int fd, struct vpnkit_channel *channel, int code)
{
	struct udp_carrier *c = w->data;

	if (channel && c->divided) {
		channel->handler = &channel_handler;
		carrier_divide(c, channel);
		return;
	}
	c->state = fd >= 0 ? CARRIER_STREAM : CARRIER_CHANNEL;
	c->fd = fd;
	c->channel = channel;
	if (channel) {
		channel->handler = &channel_handler;
		channel->data = c;
	}
	if (fd >= 0) {
		c->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = carry_ready, .data = c };
		if (loop_io_add(c->way->loop, &c->io, NULL) < 0)
			code = ENOMEM;
	}
	if (code != 0)
		udp_carrier_close(c);
	else
		carrier_flush(c);
}

bool udp_carrier_send(struct udp_carrier *c, const uint8_t *address, size_t address_len, const uint8_t *payload,
		      size_t n)
{
	uint8_t header[VPNKIT_UDP_HEADER];
	size_t len = vpnkit_datagram_header(header, address, address_len, n);

	if (c->out.len + len + n > UDP_HELD || buf_add(&c->out, header, len) < 0)
		return false;
	if (buf_add(&c->out, payload, n) < 0) {
		buf_truncate(&c->out, c->out.len - len);
		return false;
	}
	if (c->state == CARRIER_NONE) {
		c->state = CARRIER_ASKED;
		c->wish = (struct way_wish){ .to = c->to, .ready = carrier_ready, .data = c };
		way_ask(c->way, &c->wish);
	} else {
		carrier_flush(c);
	}
	return true;
}
