#include "vpnkit_udp.h"

#include <errno.h>
#include <string.h>

#include "vpnkit_bytes_private.h"

enum { ZONE_MAX = 64 };

/* A walk over the fields, which stops where the bytes end. Each is at most 16 bits of length and what that says. */
int vpnkit_datagram_parse(const void *bytes, size_t n, struct vpnkit_datagram *out, size_t *used, struct error *err)
{
	const uint8_t *p = bytes;
	size_t at = 2, len;

	/* The first length says what the others say, but wraps around. */
	if (n < at + 2)
		return 0;
	len = get16(p + at);
	if (len != 0 && len != 4 && len != 16)
		return error_set(err, 0, "datagram: an address of %zu bytes", len);
	at += 2 + len + 2;
	if (n < at + 2)
		return 0;
	memset(out, 0, sizeof(*out));
	out->ip.len = (uint8_t)len;
	memcpy(out->ip.bytes, p + 4, len);
	out->port = get16(p + 4 + len);
	len = get16(p + at);
	if (len > ZONE_MAX)
		return error_set(err, 0, "datagram: a zone of %zu bytes", len);
	at += 2 + len;
	if (n < at + 2)
		return 0;
	out->address = p + 2;
	out->address_len = at - 2;
	out->len = get16(p + at);
	if (out->len > VPNKIT_DATAGRAM)
		return error_set(err, 0, "datagram: a payload of %zu bytes", out->len);
	at += 2;
	if (n < at + out->len)
		return 0;
	out->payload = p + at;
	*used = at + out->len;
	return 1;
}

size_t vpnkit_datagram_header(uint8_t out[VPNKIT_UDP_HEADER], const uint8_t *address, size_t address_len, size_t len)
{
	put16(out, (uint16_t)(4 + address_len + len));
	memcpy(out + 2, address, address_len);
	put16(out + 2 + address_len, (uint16_t)len);
	return 4 + address_len;
}

size_t vpnkit_datagram_address(uint8_t out[VPNKIT_UDP_ADDRESS], const struct vpnkit_ip *ip, uint16_t port)
{
	put16(out, ip->len);
	memcpy(out + 2, ip->bytes, ip->len);
	put16(out + 2 + ip->len, port);
	put16(out + 4 + ip->len, 0);
	return 6u + ip->len;
}

/* How many of the bytes were used up by whole datagrams. */
static ssize_t datagrams_run(const uint8_t *p, size_t n, vpnkit_datagram_fn *fn, void *data, struct error *err)
{
	struct vpnkit_datagram d;
	size_t at = 0, used;
	int r;

	while ((r = vpnkit_datagram_parse(p + at, n - at, &d, &used, err)) > 0) {
		fn(data, &d);
		at += used;
	}
	return r < 0 ? -1 : (ssize_t)at;
}

int vpnkit_datagrams_feed(struct vpnkit_datagrams *s, const void *bytes, size_t n, vpnkit_datagram_fn *fn, void *data,
			  struct error *err)
{
	ssize_t done;

	if (s->rest.len == 0) {
		done = datagrams_run(bytes, n, fn, data, err);
		if (done < 0 || (size_t)done == n)
			return done < 0 ? -1 : 0;
		bytes = (const uint8_t *)bytes + done;
		n -= (size_t)done;
	}
	if (buf_add(&s->rest, bytes, n) < 0)
		return error_set(err, ENOMEM, "datagram");
	done = datagrams_run(buf_bytes(&s->rest), s->rest.len, fn, data, err);
	if (done < 0)
		return -1;
	buf_consume(&s->rest, (size_t)done);
	if (s->rest.len == 0)
		buf_free(&s->rest);
	return 0;
}

void vpnkit_datagrams_free(struct vpnkit_datagrams *s)
{
	buf_free(&s->rest);
}
