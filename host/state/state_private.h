/* What the files of this room share. Calls go downwards:
 *
 *   owner.c    who runs a machine, for other processes
 *   state.c    the directory: opened, claimed, closed
 *   mac.c      the machine's MAC address
 *   files.c    its files
 *   lock.c     the file .lock */
#pragma once

#include "state.h"

#define STATE_LOCK ".lock"
#define STATE_MAC  "mac-addr"
enum state_lock { STATE_MACHINE, STATE_LOOK };

/* The lock file of a directory, with STATE_LOOK held: state_lock_looked() or closing lets go of it. */
int state_lock_look(int dir, struct error *err);
void state_lock_looked(int lock);
/* Whether a machine runs: 1, 0, or -1. */
int state_lock_taken(int lock, struct error *err);
/* This process runs it from now on. */
int state_lock_take(int lock, struct error *err);
/* Writes who this process is. */
int state_lock_record(int lock, struct error *err);
/* Who says to run it; -1: nobody does. */
pid_t state_lock_holder(int lock, uint64_t *start);

/* qemu.pid and pith.pid of a machine that does not run. */
void state_remove_pids(const struct state *s);
