/* What `pith forward` gives up once its first ports are open: it reads what the guest writes. */
#pragma once

#include "error.h"

/* No new privileges, only the system calls of its loop, and of the file system only sockets in the state directory (its
 * descriptor). It listens on TCP ports and connects to none. The kernel's share of it is as much as it has. */
int forward_confine(int state, struct error *err);
