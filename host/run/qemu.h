/* The command line of QEMU for a machine. Pure: everything that touches the host was done before. */
#pragma once

#include <stdbool.h>

#include "boot.h"
#include "error.h"
#include "options.h"

/* Numbers that descriptors have in QEMU. */
#define QEMU_QMP_FD      3
#define QEMU_VSOCK_FD    4 /* the vsock device */
#define QEMU_FORWARD_FD  5 /* as long as it is open there is a machine */
#define QEMU_TPM_FD      6 /* swtpm */
#define QEMU_VIRTIOFS_FD 7 /* and up */

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
	char *const *vsock; /* what the vsock device adds; NULL: there is none */
	bool tpm;           /* swtpm is on QEMU_TPM_FD */
	/* Our connections to virtiofsd, one a directory, by their numbers in QEMU: from virtiofs_fd up. */
	size_t virtiofs_count;
	int virtiofs_fd;
};

/* Whether QEMU starts a program that gets privileges of its own. */
bool qemu_has_privileges(const struct run_options *o);

/* argv for QEMU; NULL on failure. strv_free(). */
char **qemu_command(const struct qemu_setup *setup, struct error *err);
