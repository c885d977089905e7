/* The boot report: every program of the boot appends what it did to /run/pith/boot.steps, one JSON object a line:
 * {"name":"...","program":"...","start_us":N,"end_us":N,"status":N}. Times are microseconds of CLOCK_BOOTTIME;
 * status only where one is given. A line is one write(2) in append mode, so that writers need no lock.
 * /run/pith/boot.json is made of them: {"version":1,"steps":[...]}.
 * With pith.timing=1 on the kernel's command line each step is a log line, too. */
#pragma once

#include <stdint.h>

#include "buf.h"
#include "error.h"

enum { REPORT_NO_STATUS = -1 };

/* Microseconds of CLOCK_BOOTTIME. */
uint64_t report_now(void);

/* Appends one step. status: exit status (128 + signal for a killed one), or REPORT_NO_STATUS. */
int report_step(const char *program, const char *name, uint64_t start_us, uint64_t end_us, int status,
		struct error *err);

/* The same in two: collect steps in `lines`, then append them all with one write. */
int report_add(struct buf *lines, const char *program, const char *name, uint64_t start_us, uint64_t end_us,
	       int status);
int report_append(const struct buf *lines, struct error *err);

/* Appends boot.json's text, made of the steps so far. */
int report_read(struct buf *out, struct error *err);
/* Makes boot.json anew from the steps so far. */
int report_publish(struct error *err);

/* --- the step that runs now, for whoever asks what the boot waits for --- */

/* Notes that this one has begun; program NULL: none runs any more. */
void report_running(const char *program, const char *name);

/* "PROGRAM NAME", and how long it has run; NULL: none does. The caller frees it. */
char *report_running_find(uint64_t *run_us);

/* A step that takes long is spoken of after 10 s, then after pauses that double up to five minutes: the next pause, in
 * microseconds, given the last one (0: none yet). */
uint64_t report_pause(uint64_t last);
