/* One connection of the host, which is one command: from its request to the exit status. session_private.h has its
 * states. */
#pragma once

#include "server.h"

/* Takes the connection. */
void session_new(struct agent *a, int fd);
/* The agent ends: what it started gets a HUP where its connection's end would have meant one. */
void session_drop_all(struct agent *a);
