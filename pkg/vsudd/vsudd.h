/* vsudd joins vsock ports and Unix sockets, both ways in and out of the guest. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "listener.h"
#include "relay.h"

/* One that listens and where its connections go. */
struct forward {
	bool out; /* listens on the Unix socket for vsock cid:port; else on the vsock port for the Unix socket */
	const char *path;
	uint32_t cid, port;
	uint32_t from; /* of a vsock port: the only cid that may connect; VMADDR_CID_ANY: any */
	/* private */
	struct listener listener;
	struct relays *relays;
	struct sockaddr_un address;
	int last_error; /* of the target: only what is new is said */
	int lease;      /* the port is held by the machine: as long as this is open it is lent */
	bool refused;   /* somebody; that is said once */
};

/* "PORT:unix:PATH", PORT a number or the GUID of a Hyper-V service; "unix:PATH:CID:PORT". text is changed, and kept. */
int forward_parse_in(char *text, struct forward *f, struct error *err);
int forward_parse_out(char *text, struct forward *f, struct error *err);
/* Who may connect: "host", "any" or a context id. */
int forward_parse_from(const char *text, uint32_t *cid, struct error *err);
/* Listens, on the machine's socket where the machine holds the port. The forward must stay where it is. */
int forward_open(struct forward *f, struct relays *relays, struct error *err);

struct syslog;
/* "PORT", "GUID" or either with ":PATH" (/dev/log): messages that programs send to the socket at PATH go to this port
 * of the host, each with its length in front (RFC 5425, section 4.3). text is changed. */
struct syslog *syslog_open(struct loop *loop, char *text, struct error *err);
