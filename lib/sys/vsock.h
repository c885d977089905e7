/* Sockets of the vsock family, and the names by which people call their ports. All are non-blocking and close-on-exec.
 */
#pragma once

#include <stdint.h>

#include "error.h"

enum { VSOCK_CID_ANYBODY = -1, VSOCK_CID_LOOPBACK = 1 };

/* Listens for connections from any cid. type: SOCK_STREAM or SOCK_SEQPACKET. Descriptor, or -1. */
int vsock_listen(uint32_t port, int type, int backlog, struct error *err);
/* Starts a connection: writable when it stands or failed (getsockopt SO_ERROR). Descriptor, or -1. */
int vsock_connect(uint32_t cid, uint32_t port, int type, struct error *err);

/* "2374", or the GUID of a Hyper-V service, "00000946-facb-11e6-bd58-64006a7986d3", whose first part is the port in
 * hexadecimal and whose rest is always the same. 0, or -1: neither. */
int vsock_parse_port(const char *text, uint32_t *port);
