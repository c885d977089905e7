/* What services use, from their control groups: `service ps` and `service top`. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

struct usage {
	uint64_t memory; /* bytes, without file pages that nobody has used lately */
	uint64_t cpu_us; /* processor time so far, in microseconds */
	uint64_t processes;
};

/* Of the control group that this process is in. Fails when the process is gone. */
int usage_read(pid_t pid, struct usage *out, struct error *err);

/* The list of services with their memory, on standard output. */
int usage_ps(struct error *err);

struct usage_top {
	unsigned delay_ms; /* between two looks */
	unsigned count;    /* so many tables; 0: on a terminal until "q" or a signal, else one */
};
int usage_top(const struct usage_top *o, struct error *err);
