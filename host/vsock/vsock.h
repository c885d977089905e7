/* The vsock device of a virtual machine, as other commands use it: a process of its own (`pith vsock`) that QEMU
 * reaches over a vhost-user connection, with the sockets of the machine's state directory. docs/vsock.md */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* Guest ports with a socket where none are asked for: containerd's and Docker's. */
#define VSOCK_DEFAULT_PORTS "2374,2376"

/* Microseconds: more than a guest that is awake takes for an answer. */
#define VSOCK_DEFAULT_POLL_US 200

struct vsock_options {
	const char *state;  /* directory for the sockets; exists */
	const char *ports;  /* "2374,2376"; "" or NULL: the default ones */
	const char *hybrid; /* path of one more socket that speaks the hybrid protocol; NULL: none */
	const char *fifos;  /* further folders of fifos for the guest, with colons between; NULL: none */
	uint32_t cid;       /* the guest's; 0: 3 */
	bool no_poll;       /* the host has no processor to spare for busy polling */
	bool background;    /* messages after the start are dropped: standard error is not kept */
	int qemu_fd;        /* number that `fd` below will have in QEMU */
};

struct vsock_args {
	char **argv; /* arguments for QEMU: chardev and device (strv_free) */
	int fd;    /* to hand to QEMU under the number qemu_fd, then to close; the device ends with QEMU's end of it */
	pid_t pid; /* the device: a child of the caller */
};

/* The list of ports (NULL: the default ones) with more of them behind it. Caller frees; NULL without memory. */
char *vsock_ports_with(const char *ports, const char *more);

/* Starts the device; its sockets are there when this returns. Messages of the device go to standard error. QEMU has to
 * share the machine's memory with it. */
int vsock_start(const struct vsock_options *options, struct vsock_args *out, struct error *err);
void vsock_args_free(struct vsock_args *args);
