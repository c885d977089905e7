/* Ports of the guest that are reachable on the host: `--publish [ADDRESS:]HOST:GUEST[/tcp|udp]`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

struct publish {
	char address[48]; /* IPv4 address of the host to listen on; "" for all */
	uint16_t host;
	uint16_t guest;
	bool udp;
};

/* Parses one option's value. Reads nothing but `text`. */
int publish_parse(const char *text, struct publish *out, struct error *err);

/* Tries the host's side of the port: an error that says so and what to do when it cannot be listened on. QEMU
 * would say less, and only after everything else was set up. */
int publish_check(const struct publish *p, struct error *err);
