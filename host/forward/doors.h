/* Who may ask for ports of the host: its user on vpnkit-control.sock of the state directory, and the guest on the
 * socket that its vsock connections to port 4098 of the host arrive at. */
#pragma once

#include <sys/un.h>

#include "forward_control.h"

#define CONTROL_SOCKET "vpnkit-control.sock"

struct door {
	struct control control;
	struct sockaddr_un address;
};

struct doors {
	struct door user, guest;
};

/* Listens on both. state: the directory, dir its path. The struct stays where it is. */
int doors_open(struct doors *d, struct forwards *forwards, int state, const char *dir, struct error *err);
/* Legal on doors that were never opened. */
void doors_close(struct doors *d);
