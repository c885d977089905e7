/* The whole shim: what there is once. */
#pragma once

#include "container.h"
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
	struct sandbox *sandbox; /* NULL: none was made */
	const char *path;        /* of the socket; NULL: no longer ours */
	struct loop_timer leave;
	uint64_t leave_deadline;
	struct loop_timer lonely; /* the last container is gone, and nobody has said Shutdown */
	uint64_t lonely_deadline;
	uint64_t linger_deadline; /* 0: peers are not waited for */
	bool leaving;
};

/* Ends the process as soon as events and answers are out, or after a while. Containers that are left stay alone. The
 * socket goes at once: who starts a shim for the same container meanwhile gets a new one. */
void shim_leave(struct shim *s);
/* A container has gone. After the last one Shutdown comes, from a client that is still there: from one that has gone
 * meanwhile it does not, and containerd keeps the container's name until its shim ends. */
void shim_container_gone(struct shim *s);
/* Writes into the log what there is and what is under way. */
void shim_dump(const struct shim *s);
/* The same, but lets peers close their connections first, for a moment: containerd's client may take an end that comes
 * right behind an answer for the end of the call. */
void shim_leave_after_peers(struct shim *s);
