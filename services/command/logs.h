/* `service logs`: what a service, an onboot container or the like wrote. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { LOGS_ALL = -1 };

struct logs_options {
	long tail;      /* so many lines at the end; LOGS_ALL */
	uint64_t since; /* microseconds since 1970; lines whose time is not known are left out then; 0: all */
	bool follow;    /* goes on with what comes, until killed */
	bool times;     /* a time before each line */
};

/* Writes to standard output, in the order in which it was written: from the memory log daemon where one runs, else from
 * the files. onboot/NAME is a container that ran once; without a service NAME it is looked for among those. */
int logs_show(const char *name, const struct logs_options *o, struct error *err);
