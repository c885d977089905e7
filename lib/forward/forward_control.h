/* VPNKit's control API: HTTP on two sockets in the state directory, vpnkit-control.sock for the host's user, and the
 * one that the guest's vsock connections to port 4098 of the host arrive at.
 *
 *   PUT, POST     /forwards/expose/port    /forwards/expose/pipe      a port as JSON (vpnkit_port.h)
 *   DELETE, POST  /forwards/unexpose/port  /forwards/unexpose/pipe    the same
 *   GET           /forwards/list  /forwards/dump
 *
 * 400 with {"message"} says why a port cannot be had, and docker shows it. */
#pragma once

#include <sys/un.h>

#include "http_server.h"
#include "ports.h"

#define CONTROL_SOCKET "vpnkit-control.sock"

/* One of the two. */
struct control_door {
	struct http_server server;
	struct http_listener listener;
	struct ports *ports;
	enum ports_asker who;
	struct sockaddr_un address;
};

struct control {
	struct control_door user, guest;
};

/* Listens on both. The struct stays where it is. */
int control_open(struct control *c, struct ports *ports, struct error *err);
/* Legal on one that was never opened. */
void control_close(struct control *c);
