/* The same UDP port in this machine. */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

#include "list.h"
#include "loop.h"

enum {
	LOCAL_FLOWS_MAX = 1024,
	LOCAL_FLOW_IDLE_US = 90 * 1000 * 1000, /* as the host's */
};

struct local_udp {
	/* private */
	struct loop *loop;
	struct loop_io io;
	struct list flows; /* the one that was quiet longest first */
	size_t count;
	struct loop_timer expiry;
	struct sockaddr_storage to;
	socklen_t to_len;
};

/* fd is bound, and the callee's, also where this fails. Its datagrams go to `to`, each client's from a socket of its
 * own, and what comes back there to the client. */
int local_udp_start(struct local_udp *u, struct loop *loop, int fd, const struct sockaddr_storage *to, socklen_t len,
		    struct error *err);
/* Legal on one that was never started. */
void local_udp_stop(struct local_udp *u);
