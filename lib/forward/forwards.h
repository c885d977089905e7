/* The ports that are open on this side, and where each leads on the other. Also in VPNKit's control API: a port is the
 * same as another one when it is described in the same words (vpnkit_port_describe()).
 *
 *   forwards_expose --> policy --> bind.h --+-- TCP, Unix: listener --> carry.h --+--> way.h --> the other end
 *                                           +-- UDP: udp.h -----------------------+
 *
 * The program that has them says what may be opened (struct forwards_policy). */
#pragma once

#include <sys/un.h>

#include "relay.h"
#include "udp.h"
#include "vpnkit_port.h"
#include "way.h"

enum {
	FORWARDS_MAX = 1024,
	FORWARDS_STREAMS = 16384, /* at once, of all ports; others wait in the backlog */
};

/* The user of this side, or somebody with fewer rights: the guest of a host. */
enum forwards_asker { FORWARDS_USER, FORWARDS_GUEST };

struct forwards;
/* Both return -1 where it may not be had; the error is said to whoever asked. */
struct forwards_policy {
	/* Of TCP and UDP: *ip, which is what was asked for, becomes the address to open. */
	int (*address)(const struct forwards *f, const struct vpnkit_port *port, enum forwards_asker who,
		       struct vpnkit_ip *ip, struct error *err);
	/* Of a Unix socket: where it is made. */
	int (*socket)(const struct forwards *f, const struct vpnkit_port *port, enum forwards_asker who,
		      struct sockaddr_un *out, struct error *err);
};

/* Zero-initialise, set the first ones and those of `udp`, forwards_init(). */
struct forwards {
	struct loop *loop;
	struct way *way;
	const struct forwards_policy *policy;
	void *data; /* the policy's */
	/* read only */
	size_t count;
	size_t streams, channels; /* on their way, carried in channels */
	uint64_t accepted, failed;
	struct relays relays;
	struct udp udp;
	/* private */
	struct list list;
};

void forwards_init(struct forwards *p);
/* Nothing is listened on any more. Connections that there are go on. */
void forwards_close(struct forwards *p);

/* Opens it; one that is open already is fine. The error is said to whoever asked, in VPNKit's words where it has some.
 * EACCES in its code: whoever asked may not have it. */
int forwards_expose(struct forwards *p, const struct vpnkit_port *port, enum forwards_asker who, struct error *err);
/* One that is not there is fine. A guest does not close what the user has opened (EACCES). */
int forwards_unexpose(struct forwards *p, const struct vpnkit_port *port, enum forwards_asker who, struct error *err);
/* As the control API lists them, with the port that is open where any was asked for. -1 without memory. */
int forwards_list(const struct forwards *p, struct buf *out);
/* For people: the way, the counters, a line a port. */
int forwards_dump(const struct forwards *p, struct buf *out);
