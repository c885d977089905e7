/* VPNKit's bytes: the first byte chooses what they are. A stream of generation 2 or 3 that a peer sends in pieces, a
 * destination, datagrams, a port forward as text or JSON. What parses is written again and must be the same. */
#include <stdlib.h>
#include <string.h>

#include "vpnkit_mux.h"
#include "vpnkit_port.h"
#include "vpnkit_udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4 * 1024 * 1024 };

/* An owner that takes half of what it is given, answers, and closes when it is told to. */
static size_t take(struct vpnkit_channel *c, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		abort();
	vpnkit_channel_send(c, bytes, n);
	if (bytes[0] == 'C')
		vpnkit_channel_close(c);
	else if (bytes[0] == 'S')
		vpnkit_channel_shutdown(c);
	else if (bytes[0] == 'N')
		return 0;
	return (n + 1) / 2;
}

static void ended(struct vpnkit_channel *c)
{
	vpnkit_channel_pull(c);
	vpnkit_channel_close(c);
}

static void closed(struct vpnkit_channel *c)
{
	vpnkit_channel_pull(c);
}

static void room(struct vpnkit_channel *c)
{
	vpnkit_channel_send(c, "room", 4);
}

static const struct vpnkit_channel_handler owner = {
	.data = take,
	.ended = ended,
	.closed = closed,
	.lost = vpnkit_channel_close,
	.room = room,
};

static void opened(struct vpnkit_mux *m, struct vpnkit_channel *c, const struct vpnkit_destination *to)
{
	struct vpnkit_channel *other;

	if (to->port == 9) {
		vpnkit_channel_close(c);
		return;
	}
	c->handler = &owner;
	vpnkit_channel_accept(c);
	if (to->port == 10 && (other = vpnkit_mux_open(m, to, NULL)))
		other->handler = &owner;
}

static const struct vpnkit_mux_handler handler = { .opened = opened };

static void stream(const uint8_t *data, size_t size, bool handshake)
{
	struct vpnkit_mux m = { .handler = &handler, .limit = 8, .window = 4096, .budget = 8192 };
	size_t piece = size > 0 ? data[0] + 1u : 1;

	if (vpnkit_mux_init(&m, handshake) < 0)
		abort();
	while (size > 0) {
		_cleanup_error_ struct error e = { 0 };
		size_t n = size < piece ? size : piece;

		if (vpnkit_mux_input(&m, data, n, &e) < 0) {
			if (!e.msg)
				abort();
			break;
		}
		if (m.count > 2 * m.limit || m.kept > m.count * m.window || m.out.len > MOST)
			abort();
		if (piece & 1)
			vpnkit_mux_sent(&m, m.out.len);
		data += n;
		size -= n;
	}
	vpnkit_mux_fail(&m);
	if (m.count != 0 || m.kept != 0)
		abort();
	vpnkit_mux_free(&m);
}

static void destination(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf again = { 0 };
	static struct vpnkit_destination d;
	enum vpnkit_generation g;
	size_t used;

	vpnkit_detect(data, size, &g);
	if (vpnkit_destination_parse(data, size, &d, &used, NULL) <= 0)
		return;
	if (used > size || vpnkit_destination_add(&again, &d) < 0 || again.len != used ||
	    memcmp(buf_bytes(&again), data, used) != 0)
		abort();
}

static void datagram(void *data, const struct vpnkit_datagram *d)
{
	uint8_t header[VPNKIT_UDP_HEADER];

	(void)data;
	if (d->len > VPNKIT_DATAGRAM || d->address_len > VPNKIT_UDP_ADDRESS ||
	    vpnkit_datagram_header(header, d->address, d->address_len, d->len) != d->address_len + 4)
		abort();
}

static void datagrams(const uint8_t *data, size_t size)
{
	struct vpnkit_datagrams s = { 0 };
	size_t piece = size > 0 ? data[0] + 1u : 1, n;

	for (; size > 0; size -= n, data += n) {
		n = size < piece ? size : piece;
		if (vpnkit_datagrams_feed(&s, data, n, datagram, NULL, NULL) < 0)
			break;
	}
	vpnkit_datagrams_free(&s);
}

static void port(const uint8_t *data, size_t size, bool json)
{
	_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 }, second = { 0 };
	_cleanup_buf_ struct buf a = { 0 }, b = { 0 };
	_cleanup_error_ struct error e = { 0 };
	int r = json ? vpnkit_port_parse_json((const char *)data, size, &p, &e)
		     : vpnkit_port_parse((const char *)data, size, &p, &e);

	if (r < 0) {
		if (!e.msg)
			abort();
		return;
	}
	if (json && p.proto != VPNKIT_UNIX && (p.in_ip.len == 0 || p.out_ip.len == 0))
		return; /* has no text */
	if (vpnkit_port_spec(&p, &a) < 0 || vpnkit_port_parse(buf_text(&a), a.len, &second, NULL) < 0 ||
	    vpnkit_port_spec(&second, &b) < 0 || strcmp(buf_text(&a), buf_text(&b)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0]) {
	case '2':
		stream(data + 1, size - 1, false);
		break;
	case '3':
		stream(data + 1, size - 1, true);
		break;
	case 'u':
		datagrams(data + 1, size - 1);
		break;
	case 'p':
		port(data + 1, size - 1, false);
		break;
	case 'j':
		port(data + 1, size - 1, true);
		break;
	default:
		destination(data, size);
	}
	return 0;
}
