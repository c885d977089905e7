/* Directories of the host that the guest mounts as virtiofs0, virtiofs1, ... (`mount -t virtiofs virtiofs0 /mnt`): one
 * virtiofsd a directory. QEMU reaches it over a vhost-user connection, and shares the machine's memory with it.
 * https://www.qemu.org/docs/master/interop/vhost-user.html */
#pragma once

#include <sys/types.h>

#include "error.h"
#include "state.h"

/* Each takes a descriptor of QEMU's and a process of the host. */
#define VIRTIOFS_MAX 8

struct virtiofs {
	char *name; /* how messages call it: its tag and the program */
	int fd;     /* our connection, for QEMU */
	int log;    /* what virtiofsd said (toollog_reason()) */
	pid_t pid;  /* a child of the caller; ends with the connection. 0: never started */
};

/* The program to run: `asked`, or the first that is installed in the places that Debian and QEMU have for it (and
 * LinuxKit: lib/qemu beside the bin/ of `qemu`). NULL on failure; the error says what to install. Caller frees. */
char *virtiofs_find(const char *asked, const char *qemu, struct error *err);

/* What can be said of a directory before anything is started. *path is the absolute one, the caller's. */
int virtiofs_check(const char *directory, char **path, struct error *err);

/* Starts `program` for a directory that was checked. The state directory holds the socket for the moment that
 * connecting takes. virtiofs_clear() closes, also after failure; it does not end the process. */
int virtiofs_start(const char *program, const char *path, const struct state *state, unsigned index,
		   struct virtiofs *out, struct error *err);
void virtiofs_clear(struct virtiofs *v);
