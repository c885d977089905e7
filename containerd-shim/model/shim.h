/* The whole shim: what there is once, and its end.
 *
 *     serving --(the last container has gone)--> lonely --(2 s without Shutdown)--+
 *        |   <--(a new container)--                |                              |
 *        +--(Shutdown, or a signal)----------------+----> leaving <---------------+
 *                                                            |
 *                  events and answers are out (3 s at most), peers have closed (1 s at most, where they are waited for)
 *                                                            v
 *                                                        the loop quits
 *
 * Who calls: container_free() reports each container that has gone, the services ask for the end. What the end waits
 * for is told by the publisher (its queue is empty) and the server (a connection has gone or has taken its answers). */
#pragma once

#include "list.h"
#include "loop.h"
#include "network.h"
#include "publish.h"
#include "reaper.h"
#include "server.h"

struct sandbox;

struct shim {
	struct loop *loop;
	const char *id, *namespace;
	struct reaper reaper;
	struct server server;
	struct publisher publisher;
	struct list containers;
	struct sandbox *sandbox; /* NULL: none was made. While there is one, the shim stays without containers */
	struct network network;
	const char *path; /* of the socket; NULL: no longer ours */
	bool closing;     /* the sandbox is being ended: no new container is taken */
	bool leaving;     /* shim_leave() has been called: likewise */
	/* private */
	struct loop_timer leave; /* looks at once, then at the next deadline */
	uint64_t leave_deadline;
	uint64_t linger_deadline; /* 0: peers are not waited for */
	struct loop_timer lonely; /* the last container is gone, and nobody has said Shutdown */
	uint64_t lonely_deadline;
};

/* Sets what does not need the loop. */
void shim_init(struct shim *s, const char *id, const char *namespace, const char *path);
/* The publisher and the server report to the shim. Call it before they start. */
void shim_listen(struct shim *s);

/* Ends the process as soon as events and answers are out, or after a while. Containers that are left stay alone. The
 * socket goes at once: who starts a shim for the same container meanwhile gets a new one. */
void shim_leave(struct shim *s);
/* The same, but lets peers close their connections first, for a moment: containerd's client may take an end that comes
 * right behind an answer for the end of the call. */
void shim_leave_after_peers(struct shim *s);
/* Removes the socket's file, if it is still ours, and takes no connection any more. */
void shim_socket_leave(struct shim *s);

/* A container has gone. After the last one Shutdown comes, from a client that is still there: from one that has gone
 * meanwhile it does not, and containerd keeps the container's name until its shim ends. */
void shim_container_gone(struct shim *s);
