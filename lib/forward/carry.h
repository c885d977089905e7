/* Connections of clients of the host, each joined to one of the guest. */
#pragma once

#include "ports.h"

/* fd, accepted and non-blocking, is its own from here on. Ends by itself. */
void carry_start(struct ports *ports, int fd, const struct vpnkit_destination *to);
