/* Connections of clients of this side, each joined to the other end. */
#pragma once

#include "forwards.h"

/* fd, accepted and non-blocking, is its own from here on. Ends by itself. */
void carry_start(struct forwards *ports, int fd, const struct vpnkit_destination *to);
