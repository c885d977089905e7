/* The console socket of an OCI runtime (--console-socket): the runtime makes a terminal for the process and sends its
 * master there. */
#pragma once

#include "loop.h"

struct ptysock;
/* master: the caller's now; -1: none came, and why. Called from the loop or from ptysock_wait(). */
typedef void ptysock_fn(struct ptysock *c, int master, const struct error *err);

struct ptysock {
	/* private */
	struct loop *loop;
	struct loop_io io; /* the listening socket, then the runtime's connection */
	struct loop_timer timer;
	bool connected, arrived;
	int master;
	struct error error;
	int dir;
	char *name;
	char *path;
	ptysock_fn *fn;
	void *data;
};

void ptysock_init(struct ptysock *c);
/* Listens in the bundle's directory under a name of its own ("pty" and `id`). */
int ptysock_open(struct ptysock *c, struct loop *loop, const char *bundle, const char *id, struct error *err);
/* As the runtime is told it. */
const char *ptysock_path(const struct ptysock *c);
/* For when the runtime has done its work: calls `fn` once, with the terminal or without. */
void ptysock_wait(struct ptysock *c, ptysock_fn *fn, void *data);
/* Legal at any time after ptysock_init(). */
void ptysock_close(struct ptysock *c);
