/* Sockets of the vsock family, and the names by which people call their ports. All are non-blocking and close-on-exec.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "error.h"

/* The port is this socket's; nobody can connect to it until somebody listens. type: SOCK_STREAM or SOCK_SEQPACKET,
 * which share their ports. Descriptor, or -1. */
int vsock_bind(uint32_t port, int type, struct error *err);
/* Listens. Whoever has a vsock socket can connect, a container of the same guest (cid 1) as well as the host (cid 2):
 * vsock_cid() says who it is. Descriptor, or -1. */
int vsock_listen(uint32_t port, int type, int backlog, struct error *err);
/* Whose connection it is, by the address that accept(2) gave; VMADDR_CID_ANY: it is of another family. */
uint32_t vsock_cid(const struct sockaddr *from);
/* Starts a connection: writable when it stands or failed (getsockopt SO_ERROR). Descriptor, or -1. */
int vsock_connect(uint32_t cid, uint32_t port, int type, struct error *err);

/* "2374", or the GUID of a Hyper-V service, "00000946-facb-11e6-bd58-64006a7986d3", whose first part is the port in
 * hexadecimal and whose rest is always the same. 0, or -1: neither. */
int vsock_parse_port(const char *text, uint32_t *port);
/* A list of ports as above, with commas or blanks between: how many, the first `max` of them in `ports`; -1: it is
 * none. */
int vsock_parse_ports(const char *text, uint32_t *ports, size_t max, struct error *err);
