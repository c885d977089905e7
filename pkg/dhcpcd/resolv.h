/* The text of resolv.conf from what a DHCP or router advertisement message says. */
#pragma once

#include "buf.h"
#include "error.h"

/* A variable of dhcpcd's hook environment; NULL where it is not set. */
typedef const char *resolv_get_fn(void *data, const char *name);

/* Appends "search" and "nameserver" lines. Servers that are no addresses and domains with other characters than a name
 * has are left out: they come from whoever answers on the network. Servers of DHCP, DHCPv6 and up to four router
 * advertisements, each once, in this order; at most three, which is what resolvers read. 0, or -1 without memory. */
int resolv_text(resolv_get_fn *get, void *data, struct buf *out);
