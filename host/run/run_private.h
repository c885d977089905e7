/* What the files of `pith run` share. Calls go downwards:
 *
 *   run.c        the command: look, prepare, perhaps detach, run the machine to its end
 *   detach.c     into the background: the process in front waits until the machine is there, and goes
 *   devices.c    the processes that are the machine's devices, and QEMU's command line
 *   prepare.c    what can be wrong is found (run_look), what the machine needs is made (run_prepare) */
#pragma once

#include "accel.h"
#include "boot.h"
#include "disk.h"
#include "firmware.h"
#include "forward.h"
#include "machine.h"
#include "options.h"
#include "spawn.h"
#include "state.h"
#include "tpm.h"
#include "virtiofs.h"
#include "vsock.h"

struct run {
	struct run_options options;
	struct boot boot;
	struct state state;
	struct accel accel;
	struct firmware firmware;
	struct vsock_args vsock;
	struct forward_child forward;
	struct tpm tpm;
	struct virtiofs shares[VIRTIOFS_MAX];
	size_t share_count;
	char *program, *mac, *uuid, *metadata, *vars, *virtiofsd, *swtpm;
	struct disk_format root;
	struct buf data;
	char **command;
	char **directories; /* absolute, of the shares */
	struct spawn_fd fds[3 + VIRTIOFS_MAX];
	size_t fd_count;
	struct machine_helper helpers[MACHINE_HELPERS_MAX];
	size_t helper_count;
	int *inherited; /* descriptors of whoever started this program */
	int ready;      /* detached: the pipe to the process in front, else -1 */
	bool started;
};

/* Whether the machine can be had. What the user names is read here, and may be a pipe: a signal ends this, since
 * nothing is made yet. */
int run_look(struct run *r, struct error *err);
int run_prepare(struct run *r, struct error *err);

/* Nothing of them may outlive a machine that never ran. */
int run_helpers_start(struct run *r, struct error *err);
/* What QEMU was to get, and has not got. */
void run_fds_close(struct run *r);

/* A signal that comes while the machine is prepared is seen when it runs, and nothing half-made stays behind. */
void run_signals_block(void);
/* Forks: the child, in a session of its own, returns -1 and goes on; the parent gets its exit status. */
int run_detach(struct run *r, struct error *err, bool *failed);
