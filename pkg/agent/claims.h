/* Which vsock ports of the guest the machine holds before the first container runs (ports.h of lib/sys says why): those
 * that clients of the host know, and those that a service with PORTS_DIR names on its command line (`-inport`, as vsudd
 * has it, `-vsockPort` and `-data-listen` of vpnkit-forwarder, whose own port needs no option); less those that a
 * container binds by itself: it names them in the annotation CLAIMS_ANNOTATION, or by these options without having
 * PORTS_DIR, as LinuxKit's vsudd does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define CLAIMS_ANNOTATION "org.pith.vsock.ports"

enum { CLAIMS_MAX = 32 };

struct claims {
	uint32_t held[CLAIMS_MAX], own[CLAIMS_MAX];
	size_t held_count, own_count;
};

void claims_init(struct claims *c);
/* What one bundle's config.json claims. Ports beyond CLAIMS_MAX are left alone. */
int claims_add(struct claims *c, const char *json, size_t n, struct error *err);
/* The ports to be held, at most CLAIMS_MAX, and their number. */
size_t claims_ports(const struct claims *c, uint32_t out[CLAIMS_MAX]);
/* Those of all bundles below a folder such as /containers. What cannot be read claims nothing. */
void claims_read(struct claims *c, const char *containers);
