/* The command line of QEMU for a machine. Pure: everything that touches the host was done before. */
#pragma once

#include <stdbool.h>

#include "boot.h"
#include "error.h"
#include "options.h"

/* Numbers that descriptors have in QEMU. */
#define QEMU_QMP_FD   3
#define QEMU_EXTRA_FD 4 /* and up: what the parts below hand over */

struct qemu_setup {
	const struct run_options *options;
	const struct boot *boot;
	const char *program; /* path of QEMU */
	bool kvm;
	const char *mac; /* NULL without networking */
	const char *uuid;
	const char *root_format; /* of a BOOT_DISK image */
	const char *metadata;    /* path of the ISO, or NULL */
	const char *firmware;    /* path, or NULL */
	const char *firmware_vars;
	/* What a device that is a process of its own adds. owns_memory: its arguments name the machine's memory, which
	 * it shares. */
	char *const *extra;
	bool owns_memory;
};

/* argv for QEMU; NULL on failure. strv_free(). */
char **qemu_command(const struct qemu_setup *setup, struct error *err);
