/* Ports of the guest that are reachable on the host: `--publish [ADDRESS:]HOST:GUEST[/tcp|udp]`, as docker
 * writes them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Who reaches a port of the host that was published without an address: programs of the host. */
#define PUBLISH_ADDRESS "127.0.0.1"

struct publish {
	char address[48]; /* IPv4 address of the host to listen on; "": PUBLISH_ADDRESS */
	uint16_t host;
	uint16_t guest;
	bool udp;
};

const char *publish_address(const struct publish *p);

/* Parses one option's value. Reads nothing but `text`. */
int publish_parse(const char *text, struct publish *out, struct error *err);

/* Whether each port of the host is published once. Reads nothing but the list. */
int publish_check_all(const struct publish *ports, size_t count, struct error *err);

/* Tries the host's side of the port: an error that says so and what to do when it cannot be listened on. QEMU
 * would say less, and only after everything else was set up. */
int publish_check(const struct publish *p, struct error *err);
