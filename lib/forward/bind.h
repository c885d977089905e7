/* Sockets of this side for ports, and what is said when one cannot be had. */
#pragma once

#include "vpnkit_port.h"

/* A socket at ip and the port's out_port: TCP's listens, UDP's is bound; non-blocking. port->out_port becomes the one
 * that it has. -1: the error is one that docker shows its user. */
int bind_port(struct vpnkit_port *port, const struct vpnkit_ip *ip, struct error *err);
