/* What pith-update does to a disk with two systems. */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "slots.h"

/* --- install.c --- */
/* Writes the slot that does not run from an update (update.h), and lets the boot loader start it next. `input` may be a
 * pipe; a file is checked whole before anything is written. On the disk when it returns.
 *
 *   1. the header, and what a file has behind it, are checked: nothing is written before
 *   2. the other slot's entry goes: from here on the boot loader knows the running system alone
 *   3. the kernel goes into free clusters, then the root into the slot, its first block last; both are on the disk, and
 *      their digests right
 *   4. the kernel's clusters are in the tables; its entry appears, with one write: the next boot takes it
 *
 * A power cut, a peer that vanishes, or a disk that fails at any moment before that last write leaves the running
 * system to be started. */
int update_install(struct slots *s, int input, const char *name, struct error *err);

/* --- choose.c --- */
/* The running system is good: it loses its counter. `changed`: it had one. */
int update_good(struct slots *s, bool *changed, struct error *err);
/* The next boot takes the other system than it would have. */
int update_rollback(struct slots *s, struct error *err);
/* A table on standard output. */
int update_status(struct slots *s, struct error *err);
/* Whether the boot loader has another system than the running one to start, which has not failed. */
int update_fallback(struct slots *s, bool *there, struct error *err);

/* --- assess.c --- */
/* Waits until all services are ready, at most `seconds` since the boot, and marks the running system as good; when the
 * time is up, and there is another system, the machine starts again. An exit status. */
int assess_run(unsigned seconds);

/* PID 1 shuts down in order and starts the machine again. */
int machine_reboot(struct error *err);
