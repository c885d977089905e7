/* Fifos of the host for the guest. A client of containerd (ctr) on the host names fifos for a process's streams; the
 * guest has no such files, and its shim asks for them here (agent.h of lib/proto has the protocol): on the machine's
 * socket for port FIFO_PORT of the host.
 *
 * The guest is not trusted, and its containers less. The machine's own shim, which knows the secret (secret.h), gets
 * what is a fifo, belongs to this user and lies in a folder that was named for it, with no link on the way; a refusal
 * takes its time, so that names cannot be tried out. */
#pragma once

#include "error.h"
#include "secret.h"

/* Where ctr and its like make theirs. */
#define FIFOS_DEFAULT "/run/containerd/fifo"

struct fifos;

struct fifos_options {
	const char *state;      /* directory: listens there */
	const char *folders;    /* further ones than the default and the state directory itself, with colons between */
	secret_reach_fn *reach; /* the guest's agent */
	void *data;
};

/* The strings are copied. */
struct fifos *fifos_open(struct loop *loop, const struct fifos_options *options, struct error *err);
/* The folders that fifos may be in, NULL-terminated. */
char *const *fifos_folders(const struct fifos *f);
/* Ends all streams. NULL is fine. */
void fifos_close(struct fifos *f);

/* The fifo, open for both directions; -1: it is none of those that may be had. For tests. */
int fifos_find(char *const *folders, const char *path, struct error *err);
