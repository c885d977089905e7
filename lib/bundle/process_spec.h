/* The "process" of a further process in a container, as an OCI runtime's exec takes it (config.md of the runtime
 * specification, "Process"): the container's own, from its config.json, with some fields changed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

struct process_change {
	char *const *args;
	char *const *env; /* NAME=VALUE, each instead of the variable that is there or after all; NULL: none */
	const char *cwd;  /* NULL: as it is */
	bool terminal;
	bool user; /* the following instead of the container's */
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t group_count;
};

/* Appends JSON: all that the container's process has, but for the change. Where neither of them has a PATH, it is the
 * usual one. A user other than root who was asked for has no capabilities, whatever the container has. */
int process_spec_make(const char *config, size_t n, const struct process_change *change, struct buf *out,
		      struct error *err);
