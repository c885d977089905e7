/* The OCI runtime (runc, or crun with the same command line) as a program: finding it, calling it.
 * Callers that may not block build the arguments here and use spawn() and the event loop. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

struct runtime {
	const char *path; /* the program */
	const char *root; /* its state directory (--root); NULL: its own default */
	const char *log;  /* file for its messages (--log, in JSON); NULL: its standard error */
	bool debug;
	bool systemd_cgroup; /* control groups by systemd (--systemd-cgroup) */
};

/* Standard streams of the call, handed on to the container by `run` and `create`; -1: /dev/null. */
struct runtime_stdio {
	int in, out, err;
};

/* The first of /usr/bin/runc, /usr/sbin/runc and /usr/bin/crun that is there, NULL (ENOENT) if none is. Static. */
const char *runtime_find(struct error *err);

/* Arguments of one call: global options, then those given (NULL ends them). NULL without memory. */
char **runtime_argv(const struct runtime *rt, const char *verb, ...) __attribute__((sentinel));

/* Starts a call; returns its pid. */
pid_t runtime_spawn(const struct runtime *rt, char *const *argv, const struct runtime_stdio *io, struct error *err);

/* Starts a call and waits for it; 0 only if it exited with 0. What it said goes where `io` says: NULL collects its
 * messages into `err`. */
int runtime_call(const struct runtime *rt, char *const *argv, const struct runtime_stdio *io, struct error *err);
