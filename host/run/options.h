/* The command line of `pith run`: LinuxKit's options of `run qemu`, and ours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "command.h"
#include "disk.h"
#include "error.h"
#include "publish.h"

/* What a machine in the background is waited for. */
enum run_wait { RUN_WAIT_NONE, RUN_WAIT_AGENT, RUN_WAIT_READY };

struct run_options {
	enum run_wait wait;
	const char *name; /* strings point into argv */
	enum boot_kind kind;
	uint64_t cpus;
	uint64_t memory; /* bytes */
	struct disk *disks;
	size_t disk_count;
	struct publish *ports;
	size_t port_count;
	const char *networking;    /* "user", "user,restrict", "vpnkit", "tap,NAME", "bridge,NAME", "none" */
	const char *ip;            /* the guest's, by DHCP; NULL: QEMU's usual one */
	const char *forward_allow; /* what the guest may have opened; NULL: the default */
	const char *state;         /* NULL: named after the image */
	const char *format;        /* of a NAME that is a disk; NULL: not said */
	enum disk_bus bus;         /* of a NAME that is a disk or an ISO image */
	const char *data, *data_file;
	const char *accel; /* NULL: what works */
	const char *arch;  /* as QEMU names it; NULL: the image's, or this machine's */
	const char *qemu;  /* NULL: qemu-system-ARCH of PATH */
	const char *firmware;
	bool tpm;
	const char *virtiofsd;
	char **virtiofs; /* directories, at most VIRTIOFS_MAX */
	char **devices;  /* -device arguments for QEMU */
	const char *vsock_ports, *vsock_hybrid, *fifos;
	const char *hyperkit, *vpnkit, *vpnkit_uuid; /* have no effect */
	bool vsock;
	bool forward; /* ports go over the vsock device (host/forward) */
	uint64_t vsock_cid;
	uint64_t stop_timeout; /* seconds */
	bool low_memory;       /* however little */
	bool uefi, gui, usb, detached, no_reboot, console_file, raw_console, no_sandbox;
};

/* Its table, for help. */
extern const struct option run_table[];

/* Fills *out: 0, OPTION_HELP, or -1 with an error that says which option is wrong and how to write it.
 * run_options_clear() frees, whatever it returned. */
int run_options_parse(const struct command *c, char **argv, struct run_options *out, struct error *err);
void run_options_clear(struct run_options *o);
