/* The host's sockets of a machine, in its state directory:
 *
 *   guest.%08x   (guest port) each connection becomes one to that port of the guest
 *   connect      the client writes "%08x.%08x\n" (guest cid, port); the stream is the guest's from then on
 *   %08x.%08x    (2, port) where a host program listens: connections of the guest to that port of the host arrive here
 *
 * and, where asked for, one socket of the hybrid protocol of Firecracker and Cloud Hypervisor: the client writes
 * "CONNECT PORT\n" and reads "OK HOSTPORT\n"; connections of the guest are looked for at PATH_PORT, too.
 *
 * A socket that the guest is to reach belongs to the device's user or to root: what somebody else put there is refused.
 */
#pragma once

#include "device.h"
#include "loop.h"

struct sockets;

struct sockets_options {
	const char *state;  /* directory */
	const char *ports;  /* "2374,2376,5000/seqpacket" */
	const char *hybrid; /* path; NULL: none */
};

/* Makes and listens on all sockets. Device and options stay the caller's; the strings are copied. */
struct sockets *sockets_open(struct loop *loop, struct vsock_device *dev, const struct sockets_options *options,
			     struct error *err);
/* Closes and removes them. NULL is fine. */
void sockets_close(struct sockets *s);

/* For conns.dial of the device, with the sockets as data. */
conns_dial_fn sockets_dial;
