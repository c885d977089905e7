/* VPNKit's control API, HTTP on a socket that the program listens on:
 *
 *   PUT, POST     /forwards/expose/port    /forwards/expose/pipe      a port as JSON (vpnkit_port.h)
 *   DELETE, POST  /forwards/unexpose/port  /forwards/unexpose/pipe    the same
 *   GET           /forwards/list  /forwards/dump
 *
 * 400 with {"message"} says why a port cannot be had, and docker shows it. */
#pragma once

#include "forwards.h"
#include "http_server.h"

/* One door, behind which all have the same rights. Zero-initialise; listener.welcome may be set. */
struct control {
	struct forwards *forwards;
	enum forwards_asker who;
	/* private but for `welcome` */
	struct http_server server;
	struct http_listener listener;
};

/* fd, listening and non-blocking, is the door's, also where this fails. The struct stays where it is. */
int control_open(struct control *c, struct forwards *forwards, enum forwards_asker who, int fd, struct error *err);
/* Legal on one that was never opened. */
void control_close(struct control *c);
