/* vpnkit-expose-port and what goes with it: one program by several names.
 *
 *   vpnkit-expose-port       (and every other name) opens one port of the host for as long as it runs
 *   vpnkit-list-ports        prints those that are open
 *   vpnkit-iptables-wrapper  iptables, which opens and closes the ports of Docker's ingress network on the way
 *   vpnkit-port-dir          mounts a directory in which folders are ports
 */
#pragma once

#include <stdbool.h>

#include "http_client.h"
#include "vpnkit_address.h"
#include "vpnkit_port.h"

#define CONTROL_DEFAULT "4098" /* a vsock port of the host */

enum {
	CONTROL_PATIENCE_US = 120 * 1000000, /* as VPNKit's client */
	UNEXPOSE_PATIENCE_US = 5 * 1000000,
	CONTROL_ANSWER_MAX = 4 * 1024 * 1024,
};

/* Each returns what the program exits with. */
int expose_main(int argc, char **argv);
int list_main(int argc, char **argv);
int wrapper_main(int argc, char **argv);
int portdir_main(int argc, char **argv);

/* --- options.c --- */
struct flag {
	const char *name;
	const char **value; /* or, for one that has none: */
	bool *set;
};
/* As Go's flag package takes them: one or two dashes, the value behind a blank or "=". */
int flags_parse(const struct flag *flags, size_t count, int argc, char **argv, struct error *err);
/* "control" of the first configuration file /etc/vpnkit-expose-port.* that there is (DIR instead of /etc): JSON, or
 * lines of "control: VALUE", "control = VALUE". NULL: none says so. Caller frees. */
char *config_control(const char *dir);

/* --- control.c: the host's control API ---------------------------------------------------------------------------- */

/* Asks, and runs the loop until the answer is there; quit is set by a signal, and ends the wait (EINTR). */
struct control {
	struct loop *loop;
	struct vpnkit_address address;
	const bool *quit;
	/* The connection by which a port is asked for, before it is. NULL: of no interest. */
	void (*asks)(void *data, int fd);
	void *data;
};
/* 0: done; -1: the error is what the host said, for people. */
int control_expose(struct control *c, const struct vpnkit_port *p, struct error *err);
int control_unexpose(struct control *c, const struct vpnkit_port *p, struct error *err);
/* Appends the answer to a GET. */
int control_get(struct control *c, const char *path, struct buf *out, struct error *err);

/* The same as a wish for http_start(); body holds what is sent, and has to stay as long as the call starts. */
int control_wish(const struct vpnkit_address *a, const struct vpnkit_port *p, bool expose, struct buf *body,
		 struct http_wish *out);
/* What an answer of 400 says. */
int control_error(const struct http_answer *a, struct error *err);
