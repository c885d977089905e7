#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "str.h"
#include "vpnkit_bytes_private.h"
#include "vpnkit_frame.h"

enum { PATH_MAX_BYTES = VPNKIT_PATH - 1 };

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* --- addresses --------------------------------------------------------------------------------------------------- */

static bool ip_is_mapped(const struct vpnkit_ip *ip)
{
	return ip->len == 16 && memcmp(ip->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

int vpnkit_ip_parse(const char *text, struct vpnkit_ip *out)
{
	char inner[INET6_ADDRSTRLEN];
	size_t n = strlen(text);

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->bytes) == 1) {
		out->len = 4;
		return 0;
	}
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= sizeof(inner))
		return -1;
	memcpy(inner, text, n);
	inner[n] = '\0';
	if (inet_pton(AF_INET6, inner, out->bytes) != 1)
		return -1;
	out->len = 16;
	return 0;
}

const char *vpnkit_ip_text(const struct vpnkit_ip *ip, char *out, size_t size)
{
	const char *text = NULL;

	if (ip->len == 4)
		text = inet_ntop(AF_INET, ip->bytes, out, (socklen_t)size);
	else if (ip_is_mapped(ip))
		text = inet_ntop(AF_INET, ip->bytes + sizeof(mapped_prefix), out, (socklen_t)size);
	else if (ip->len == 16)
		text = inet_ntop(AF_INET6, ip->bytes, out, (socklen_t)size);
	if (!text && size > 0)
		out[0] = '\0';
	return out;
}

bool vpnkit_ip_equal(const struct vpnkit_ip *a, const struct vpnkit_ip *b)
{
	const uint8_t *x = a->bytes, *y = b->bytes;
	size_t n = a->len, m = b->len;

	if (ip_is_mapped(a)) {
		x += sizeof(mapped_prefix);
		n = 4;
	}
	if (ip_is_mapped(b)) {
		y += sizeof(mapped_prefix);
		m = 4;
	}
	return n == m && memcmp(x, y, n) == 0;
}

socklen_t vpnkit_ip_address(const struct vpnkit_ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (ip->len == 16 && !ip_is_mapped(ip)) {
		struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		memcpy(&six->sin6_addr, ip->bytes, 16);
		return sizeof(*six);
	} else {
		struct sockaddr_in *four = (struct sockaddr_in *)out;

		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		if (ip->len != 0)
			memcpy(&four->sin_addr, ip->bytes + (ip->len == 16 ? sizeof(mapped_prefix) : 0), 4);
		return sizeof(*four);
	}
}

bool vpnkit_ip_from(const struct sockaddr *address, struct vpnkit_ip *ip, uint16_t *port)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;

		ip->len = 4;
		memcpy(ip->bytes, &four->sin_addr, 4);
		*port = ntohs(four->sin_port);
		return true;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;

		ip->len = 16;
		memcpy(ip->bytes, &six->sin6_addr, 16);
		*port = ntohs(six->sin6_port);
		return true;
	}
	return false;
}

/* --- destinations ------------------------------------------------------------------------------------------------ */

static int destination_parse_ip(const uint8_t *p, size_t n, struct vpnkit_destination *out, size_t *used,
				struct error *err)
{
	uint16_t len;

	if (n < 3)
		return 0;
	len = get16(p + 1);
	if (len != 4 && len != 16)
		return error_set(err, 0, "destination: an address of %u bytes", len);
	if (n < 5u + len)
		return 0;
	out->ip.len = (uint8_t)len;
	memcpy(out->ip.bytes, p + 3, len);
	out->port = get16(p + 3 + len);
	*used = 5u + len;
	return 1;
}

static int destination_parse_path(const uint8_t *p, size_t n, struct vpnkit_destination *out, size_t *used,
				  struct error *err)
{
	uint16_t len;

	if (n < 3)
		return 0;
	len = get16(p + 1);
	if (len == 0 || len > PATH_MAX_BYTES)
		return error_set(err, 0, "destination: a path of %u bytes", len);
	if (n < 3u + len)
		return 0;
	if (memchr(p + 3, '\0', len))
		return error_set(err, 0, "destination: a path with a zero byte");
	memcpy(out->path, p + 3, len);
	out->path[len] = '\0';
	*used = 3u + len;
	return 1;
}

int vpnkit_destination_parse(const void *bytes, size_t n, struct vpnkit_destination *out, size_t *used,
			     struct error *err)
{
	const uint8_t *p = bytes;

	if (n < 1)
		return 0;
	out->proto = p[0];
	switch (p[0]) {
	case VPNKIT_TCP:
	case VPNKIT_UDP:
		return destination_parse_ip(p, n, out, used, err);
	case VPNKIT_UNIX:
		return destination_parse_path(p, n, out, used, err);
	}
	return error_set(err, 0, "destination: protocol %u is neither TCP, UDP nor Unix", p[0]);
}

int vpnkit_destination_add(struct buf *b, const struct vpnkit_destination *d)
{
	size_t len = d->proto == VPNKIT_UNIX ? strlen(d->path) : d->ip.len;
	uint8_t *p = buf_reserve(b, 5 + len);

	if (!p)
		return -1;
	p[0] = (uint8_t)d->proto;
	put16(p + 1, (uint16_t)len);
	memcpy(p + 3, d->proto == VPNKIT_UNIX ? (const void *)d->path : d->ip.bytes, len);
	len += 3;
	if (d->proto != VPNKIT_UNIX) {
		put16(p + len, d->port);
		len += 2;
	}
	buf_commit(b, len);
	return 0;
}

const char *vpnkit_destination_text(const struct vpnkit_destination *d, char *out, size_t size)
{
	char ip[INET6_ADDRSTRLEN];
	bool six = d->ip.len == 16 && !ip_is_mapped(&d->ip);

	if (d->proto == VPNKIT_UNIX)
		snprintf(out, size, "unix:%s", d->path);
	else
		snprintf(out, size, "%s:%s%s%s:%u", d->proto == VPNKIT_UDP ? "udp" : "tcp", six ? "[" : "",
			 vpnkit_ip_text(&d->ip, ip, sizeof(ip)), six ? "]" : "", d->port);
	return out;
}
