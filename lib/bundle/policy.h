/* How a container is kept: the org.pith.* annotations of its config.json. Both the programs of the guest, which obey
 * them, and the builder, which refuses bad ones, read them here, and take the same.
 *
 * Of what runs once:
 *
 *   org.pith.onfail         continue (default) | halt | poweroff | reboot, when it fails
 *
 *   org.pith.volumes        a folder: when the container has ended well, and it is on a disk, volumes are kept there
 *
 * Of both:
 *
 *   org.pith.upper          a folder: when it is on a disk, what the container writes to its root is kept there
 *   org.pith.vsock.ports    vsock ports, separated by commas or blanks, that the container binds by itself: the machine
 *                           does not hold them (ports.h of lib/sys)
 *
 * Of services:
 *
 *   org.pith.restart        no | on-failure (default) | always
 *   org.pith.after          names of services, separated by commas or blanks: started when those are ready
 *   org.pith.ready          exec:COMMAND | unix:PATH | tcp:[ADDRESS:]PORT | log:TEXT; without it a service is ready
 *                           when started
 *   org.pith.ready-timeout  how long that may take, default 60s; one that is not ready then has failed
 *   org.pith.stop-signal    name (TERM, SIGTERM, RTMIN+3) or number, default TERM
 *   org.pith.stop-timeout   how long a service may take to end after that signal, default 10s; KILL follows
 *
 * Durations: a number of at most eight digits and ms, s, m or h; a bare number is seconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "oci_config.h"

enum policy_restart {
	POLICY_RESTART_NO,
	POLICY_RESTART_ON_FAILURE,
	POLICY_RESTART_ALWAYS,
};

enum policy_ready {
	POLICY_READY_STARTED, /* nothing to wait for */
	POLICY_READY_EXEC,
	POLICY_READY_UNIX,
	POLICY_READY_TCP,
	POLICY_READY_LOG,
};

enum policy_onfail {
	POLICY_ONFAIL_CONTINUE,
	POLICY_ONFAIL_HALT,
	POLICY_ONFAIL_POWEROFF,
	POLICY_ONFAIL_REBOOT,
};

struct policy {
	enum policy_restart restart;
	char **after; /* NULL: none */
	enum policy_ready ready;
	char **ready_argv;   /* exec: program and arguments; blanks separate, '..' and ".." keep together */
	char *ready_text;    /* unix: path in the container; log: text */
	char *ready_address; /* tcp: numeric address in the service's network; NULL: its loopback */
	uint16_t ready_port;
	uint64_t ready_us; /* time-outs in microseconds */
	uint64_t stop_us;
	int stop_signal;
};

#define _cleanup_policy_ _cleanup_(policy_clear)
void policy_clear(struct policy *p);

/* One annotation by itself, into *p: -1 with an error for a bad value, 1 for a key that is none of the above, else 0.
 */
int policy_set(struct policy *p, const char *key, const char *value, struct error *err);

int policy_onfail(const char *text, enum policy_onfail *out, struct error *err);

/* Errors name the annotation. */
int policy_parse(const struct oci_config *config, struct policy *out, struct error *err);

int policy_duration(const char *text, uint64_t *us);
/* Number of a signal by name or number, -1 if there is none. */
int policy_signal(const char *text);

struct policy_node {
	const char *name;
	char *const *after; /* NULL: none; names of no node are left out */
};

/* Puts into order[0..count) the nodes' indices, each behind those that it is after and otherwise in the given order.
 * A cycle is an error that names its members: "a -> b -> a"; order[0] is the first of them then. order may be NULL. */
int policy_order(const struct policy_node *nodes, size_t count, size_t *order, struct error *err);
