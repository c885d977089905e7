/* A directory in which folders are ports of the host, served by 9P2000 (ninep.h), as VPNKit's /port is:
 *
 *   README        says how
 *   NAME/         made by mkdir
 *   NAME/ctl      a port is written into it (vpnkit_port.h has the form), and how it went is read from it:
 *                 "OK PORT" or "ERROR why"
 *   NAME          once the port is open: a file that says which
 *
 * A folder:
 *
 *   EMPTY -- ctl is written --> ASKING -- the host has opened it --> OPEN
 *     |                           |                                   |
 *     |                           +-- the host refuses --> FAILED     |
 *     |                           |                           |       |
 *     +-- rmdir; or whoever has written closes ctl; or a client that begins anew
 *     |                           |                           |       |
 *    gone                 ASKING, gone -- opened --> CLOSING <--------+    (FAILED: gone)
 *                                                       |
 *                                                       +-- the host has closed it --> freed with the last fid
 *
 * The answer to the write waits for the host, all others are given at once. Linux takes what ctl says for cut short
 * when it is shorter than what was written: it is filled up with blanks then.
 *
 * No input or output here: whoever has the connection feeds requests in and sends `out`. */
#pragma once

#include "list.h"
#include "ninep.h"
#include "vpnkit_port.h"

enum {
	PORTFS_PORTS_MAX = 1024, /* as many as a host opens */
	PORTFS_FIDS_MAX = 8192,
	PORTFS_NAME_MAX = 255,
	PORTFS_BUCKETS = 64,
};

enum portfs_state { PORTFS_EMPTY, PORTFS_ASKING, PORTFS_OPEN, PORTFS_FAILED, PORTFS_CLOSING };

struct portfs_fid;

struct portfs_port {
	uint64_t id; /* from 1, of no other one */
	struct vpnkit_port
		port; /* what was asked for; expose() may put an address that it stands for, and an annotation */
	void *call;   /* of the handler */
	/* private */
	struct portfs *fs;
	struct list place;
	enum portfs_state state;
	bool gone;    /* out of the directory */
	bool waiting; /* the write with this tag */
	uint16_t tag;
	size_t written;
	size_t refs;                    /* fids, and the host that is asked */
	const struct portfs_fid *owner; /* that has written */
	struct buf answer;
	char name[PORTFS_NAME_MAX + 1];
};

struct portfs_handler {
	/* Asks the host for p->port; portfs_opened() is called for it, at once or later. */
	void (*expose)(void *data, struct portfs_port *p);
	/* Closes it again; portfs_closed() is called for it, at once or later. */
	void (*unexpose)(void *data, struct portfs_port *p);
};

/* Zero-initialise, set the first two, portfs_init(). */
struct portfs {
	const struct portfs_handler *handler;
	void *data;
	struct buf out; /* for the client; who has sent it consumes it */
	/* private */
	struct list ports; /* by id */
	size_t port_count;
	uint64_t last_id;
	struct list fids[PORTFS_BUCKETS];
	size_t fid_count;
	uint32_t msize; /* 0: no version was agreed upon yet */
	bool no_memory;
};

void portfs_init(struct portfs *fs);
/* Frees everything; nothing is called. */
void portfs_clear(struct portfs *fs);

/* Takes the first request of n bytes. 1: it was taken, *used bytes; 0: it is not whole; -1: the client makes no sense,
 * or there is no memory, and the connection is to be ended. */
int portfs_next(struct portfs *fs, const uint8_t *bytes, size_t n, size_t *used, struct error *err);

/* why NULL: it is open. */
void portfs_opened(struct portfs_port *p, const struct error *why);
void portfs_closed(struct portfs_port *p);
