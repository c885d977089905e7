/* A running machine: QEMU as a child, its control socket, the console, and the ways it ends.
 *
 *   starting --greeting--> running --stop--> stopping --deadline--> quitting --deadline--> killed
 *
 * QEMU's end, in any of these, ends the machine. `stop` presses the guest's power button, again every few seconds since
 * a guest that is still booting does not hear it; `quitting` asks QEMU to end without the guest. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "console.h"
#include "error.h"
#include "spawn.h"
#include "state.h"

/* A child that is a device of the machine: it must not outlive the machine, nor the machine it. */
struct machine_helper {
	pid_t pid;
	const char *name;
	int log;     /* what it says (toollog_reason()); -1: it says it on standard error itself */
	int resumed; /* the signal that tells it that the machine goes on after it was stopped; 0: none */
};

/* The vsock device, the one that forwards ports, the TPM, and a virtiofsd a shared directory. */
#define MACHINE_HELPERS_MAX 11

struct machine_setup {
	char *const *command; /* QEMU and its arguments: its console is on 0 and 1, control on QEMU_QMP_FD */
	struct spawn_fd
		*fds; /* further ones for it; closed (-1) once it has them: its devices end with the last copy */
	size_t fd_count;
	bool privileges; /* QEMU may start programs that get some */
	uint64_t stop_timeout_us;
	struct console *console;   /* NULL in the background */
	const struct state *state; /* the console's output goes into its console.log, too */
	const struct machine_helper *helpers;
	size_t helper_count;
	/* Called once QEMU answers on its control socket: the machine is there. */
	int (*started)(void *data, pid_t qemu, struct error *err);
	void *data;
};

/* Runs the machine to its end. 0: the guest powered itself down (asked to or not). -1: it did not, or QEMU failed;
 * the error says which, with QEMU's own messages. */
int machine_run(const struct machine_setup *setup, struct error *err);
