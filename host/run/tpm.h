/* A TPM of version 2.0 for the guest, by swtpm, a process of the host. What it keeps (keys, counters, its seeds) is in
 * the folder tpm of the state directory. QEMU and it speak over a pair of sockets without a name:
 * https://www.qemu.org/docs/master/specs/tpm.html#the-qemu-tpm-emulator-device */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"
#include "state.h"

struct tpm {
	int fd;    /* QEMU's end, the caller's to hand on; -1: none */
	int log;   /* what swtpm said (toollog_reason()); -1: none */
	pid_t pid; /* a child of the caller; ends with the connection. 0: never started */
	bool made; /* the folder is new */
};
#define TPM_INIT                     \
	{                            \
		.fd = -1, .log = -1, \
	}

/* program: the path of swtpm. */
int tpm_start(const char *program, const struct state *state, struct tpm *out, struct error *err);
/* The machine never started: what was made for it goes away again. Before state_undo(). */
void tpm_undo(const struct tpm *t, const struct state *state);
/* Closes; it does not end the process. */
void tpm_clear(struct tpm *t);
