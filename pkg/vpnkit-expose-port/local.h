/* The same TCP or UDP port in this machine: programs that open a port expect to reach it here, too. */
#pragma once

#include "listener.h"
#include "local_udp.h"
#include "relay.h"
#include "vpnkit_port.h"

enum { LOCAL_LISTEN_FD = 4 }; /* as dockerd hands it over */

enum local_bind { LOCAL_BEST_EFFORT, LOCAL_ALWAYS, LOCAL_NEVER };

struct local {
	enum local_bind bind;
	/* private */
	struct listener listener;
	struct relays relays;
	struct local_udp udp;
	struct sockaddr_storage to;
	socklen_t to_len;
};

/* Listens where the port's host side is, unless that address is not one of this machine, which is no error. inherited:
 * descriptor 4 listens (of UDP: is bound) already. */
int local_listen(struct local *l, struct loop *loop, const struct vpnkit_port *p, bool inherited, struct error *err);
/* No connection comes any more; those that there are end with the program. */
void local_close(struct local *l);
