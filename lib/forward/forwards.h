/* The ports that are open on the host, and where each leads in the guest. Also in VPNKit's control API: a port is the
 * same as another one when it is described in the same words (vpnkit_port_describe()).
 *
 * What a guest asks for is held to what it may have (allow.h). Socket files of the host are made in the state directory
 * alone, by its user's wish alone. */
#pragma once

#include "allow.h"
#include "relay.h"
#include "tunnel.h"
#include "udp.h"
#include "vpnkit_port.h"

enum {
	PORTS_MAX = 1024,
	STREAMS_MAX = 16384, /* at once, of all ports; others wait in the backlog */
};

enum ports_asker { PORTS_USER, PORTS_GUEST };

/* Zero-initialise, set the first ones, ports_init(). */
struct ports {
	struct loop *loop;
	struct tunnel *tunnel;
	const struct allow *allow;
	const char *state; /* directory */
	int state_fd;
	/* read only */
	size_t count;
	size_t streams, channels; /* on their way, carried in channels */
	uint64_t accepted, failed;
	struct relays relays;
	struct udp udp;
	/* private */
	struct list list;
};

void ports_init(struct ports *p);
/* Nothing is listened on any more. Connections that there are go on. */
void ports_close(struct ports *p);

/* Opens it; one that is open already is fine. The error is said to whoever asked, in VPNKit's words where it has some.
 * EACCES in its code: the guest may not have it. */
int ports_expose(struct ports *p, const struct vpnkit_port *port, enum ports_asker who, struct error *err);
/* One that is not there is fine. A guest does not close what the user has opened (EACCES). */
int ports_unexpose(struct ports *p, const struct vpnkit_port *port, enum ports_asker who, struct error *err);
/* As the control API lists them, with the port that is open where any was asked for. -1 without memory. */
int ports_list(const struct ports *p, struct buf *out);
/* For people: the tunnel, the counters, a line a port. */
int ports_dump(const struct ports *p, struct buf *out);
