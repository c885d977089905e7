/* Datagrams in a stream, as VPNKit puts them into a channel or a dedicated connection whose destination is UDP:
 *
 *   u16 length of all, itself included (wraps around where it does not fit); u16 length of the address, address, u16
 * port; u16 length of the zone, zone; u16 length of the payload, payload. Little-endian
 *
 * The address is that of the client on the host's side, and an answer carries the same one, by which the host knows
 * whom to give it to. In generation 3 a channel has one client, and addresses are empty. */
#pragma once

#include "vpnkit_frame.h"

enum {
	VPNKIT_DATAGRAM = 65507, /* bytes of a payload, at most */
	VPNKIT_UDP_ADDRESS = 96, /* bytes between the first length and that of the payload, at most */
	VPNKIT_UDP_HEADER = 4 + VPNKIT_UDP_ADDRESS,
};

struct vpnkit_datagram {
	const uint8_t *address; /* from the length of the address to the zone's end, as it came: the client's key */
	size_t address_len;
	struct vpnkit_ip ip;
	uint16_t port;
	const uint8_t *payload;
	size_t len;
};

/* As vpnkit_destination_parse(). */
int vpnkit_datagram_parse(const void *bytes, size_t n, struct vpnkit_datagram *out, size_t *used, struct error *err);
/* Writes what goes in front of a payload of len bytes, with `address` as it was parsed; its length. */
size_t vpnkit_datagram_header(uint8_t out[VPNKIT_UDP_HEADER], const uint8_t *address, size_t address_len, size_t len);
/* The bytes that stand for a client; ip->len 0: nobody. Returns their length. */
size_t vpnkit_datagram_address(uint8_t out[VPNKIT_UDP_ADDRESS], const struct vpnkit_ip *ip, uint16_t port);

/* Puts datagrams together from pieces of a stream; zero-initialised is empty. */
struct vpnkit_datagrams {
	struct buf rest;
};
typedef void vpnkit_datagram_fn(void *data, const struct vpnkit_datagram *d);
/* Takes all bytes, calls fn for each datagram that is complete. -1: the stream makes no sense. */
int vpnkit_datagrams_feed(struct vpnkit_datagrams *s, const void *bytes, size_t n, vpnkit_datagram_fn *fn, void *data,
			  struct error *err);
void vpnkit_datagrams_free(struct vpnkit_datagrams *s);
