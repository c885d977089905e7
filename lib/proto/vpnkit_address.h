/* Where a stream of VPNKit's goes, as its programs' options name it: "62373" or "2/62373" is a vsock port (of that cid,
 * the host's where there is none), "GUID" one of Hyper-V, anything else the path of a Unix socket. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "error.h"

struct vpnkit_address {
	bool vsock;
	uint32_t cid, port;
	const char *path;
	struct sockaddr_storage address; /* to connect to */
	socklen_t len;
};

/* text stays. */
int vpnkit_address_parse(const char *text, struct vpnkit_address *out, struct error *err);
/* Non-blocking; a vsock one may still be on its way: writable when it stands or failed. -1: err->code says why. */
int vpnkit_address_connect(const struct vpnkit_address *a, struct error *err);
/* Non-blocking. Of a vsock address only the port matters; where the machine holds it (ports.h) *lease is what keeps it,
 * else -1. A socket file that nobody listens on is replaced. */
int vpnkit_address_listen(const struct vpnkit_address *a, int *lease, struct error *err);
