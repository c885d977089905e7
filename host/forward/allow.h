/* What a guest may have opened on the host: addresses and ports that it may ask for. A list of
 *
 *   [ADDRESS:]PORT[-PORT][/tcp|/udp]    the address in brackets where it is one of IPv6; 0.0.0.0: any; none: 127.0.0.1
 *                                       and ::1
 *   none                                nothing at all */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vpnkit_port.h"

/* Programs of the host alone reach it, and no port that needs privileges is tried. */
#define ALLOW_DEFAULT "127.0.0.1:1024-65535,[::1]:1024-65535"

struct allow_rule {
	struct vpnkit_ip ip;
	uint16_t first, last;
	bool loopback; /* no address was given */
	bool tcp, udp;
};

struct allow {
	struct allow_rule *rules;
	size_t count;
};

/* text: rules with commas between. allow_free() frees, whatever it returned. */
int allow_parse(const char *text, struct allow *out, struct error *err);
void allow_free(struct allow *a);

/* Whether a port may be opened. All addresses of the host (0.0.0.0, or none; ::) that are not allowed as such become
 * 127.0.0.1 or ::1, where that is: *ip is the address to open. A port of 0 is any that is free, and needs 1024-65535.
 */
bool allow_check(const struct allow *a, const struct vpnkit_port *port, struct vpnkit_ip *ip);
