/* What the files of a running machine share. Calls go downwards:
 *
 *   machine.c            starts QEMU, watches it and its devices, hears signals
 *   machine_console.c    the console's two directions, and its log
 *   machine_qmp.c        what QEMU says on its control socket and on standard error
 *   machine_stop.c       the ways down: the power button, the end without the guest, the end of the loop
 *   machine_outcome.c    how it all ended, in words
 *
 * Of the states that machine.h draws, `ready` leads from starting to running, `stopping` and `quitting` stand for
 * themselves, and `exited` is QEMU's end, after which only last words are taken. */
#pragma once

#include "ending.h"
#include "loop.h"
#include "machine.h"
#include "pump.h"

#define SECOND 1000000u

struct helper {
	struct loop_child child;
	const struct machine_helper *setup;
	struct machine *machine;
};

struct machine {
	const struct machine_setup *setup;
	struct loop *loop;
	struct error *err;
	pid_t pid;
	struct loop_child child;
	struct helper helpers[MACHINE_HELPERS_MAX];
	struct loop_io qmp, messages;
	struct loop_timer button, deadline;
	struct pump input, output;
	struct buf received, said; /* QMP bytes; QEMU's standard error */
	int to_guest, from_guest, log, null;
	uint64_t logged;
	struct ending ending;
	bool hopeless; /* it would only reset again */
	bool ready;    /* QMP commands are taken */
	bool stopping; /* the button was pressed */
	bool quitting; /* QEMU was told to go */
	bool exited;
	bool draining;    /* the console's output still runs */
	int status;       /* QEMU's wait status */
	char reason[256]; /* why the guest shut down, in QEMU's words */
	char *lost;       /* the device that ended first, and why */
	int lost_status;
};

/* --- machine_stop.c --- */

/* QEMU is gone, and everything that it said before was taken: the loop ends. */
void machine_finish(struct machine *m);
/* A timer that cannot be armed ends the loop with an error. */
void machine_arm(struct machine *m, struct loop_timer *timer, uint64_t us);
/* First request: the guest shuts down by itself, within the time it has. Second: at once. */
void machine_stop(struct machine *m);
/* Without the guest's consent; SIGKILL where QEMU was asked before. */
void machine_quit(struct machine *m);
void machine_press(struct machine *m);
void machine_button_due(struct loop_timer *timer);
void machine_deadline_due(struct loop_timer *timer);

/* --- machine_qmp.c --- */

void machine_qmp_ready(struct loop_io *io, uint32_t events);
void machine_messages_ready(struct loop_io *io, uint32_t events);

/* --- machine_console.c --- */

int machine_log_open(struct machine *m, struct error *err);
/* The two directions, as pumps call them. */
size_t machine_console_output(void *data, uint8_t *bytes, size_t n);
void machine_output_ended(void *data, bool target, int code);
size_t machine_console_input(void *data, uint8_t *bytes, size_t n);
void machine_input_ended(void *data, bool target, int code);

/* --- machine_outcome.c --- */

/* 0: the guest powered itself down; -1: it did not, and why. */
int machine_outcome(struct machine *m, struct error *err);
