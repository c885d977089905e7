/* vpnkit-port-dir: the directory of portfs.h, in two processes, since whoever mounts has a privilege that whoever reads
 * what others write shall not have:
 *
 *   mounter (CAP_SYS_ADMIN) --+-- mounts the directory, waits for a signal or for the server to end
 *                             |        |
 *                             |        +--> unmounts it, closes what is open for it on the host, ends
 *                             |
 *                             +-- fork: server, confined: 9P on a socket, HTTP to the host; ends with the mount, and
 *                                 is killed with the mounter
 *
 * On the host each port carries the directory's name and a number as its annotation. By that they are found again after
 * a life that ended without closing them: the next one begins with that. */
#pragma once

#include "expose.h"

/* What the annotations of a directory's ports begin with. Caller frees; NULL without memory. */
char *portdir_mark(const char *dir);
/* Closes all ports of the host that have it. */
int portdir_sweep(struct control *c, const char *mark, struct error *err);

/* Serves the client on fd, until it is gone or a signal ends it, and sweeps then, where nobody else does. 1: the client
 * makes no sense, which was said; -1. */
int portdir_serve(const struct vpnkit_address *host, const char *mark, int fd, bool sweep, struct error *err);
