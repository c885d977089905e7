/* What runtime.json asks for around a container: file systems, directories and control groups before it is created,
 * interfaces and namespace binds between create and start, and the way back. */
#pragma once

#include <sys/types.h>

#include "error.h"
#include "oci_config.h"
#include "oci_runtime.h"

struct bundle {
	char *path; /* the bundle's directory */
	struct oci_runtime runtime;
	struct oci_config config;
};

#define _cleanup_bundle_ _cleanup_(bundle_clear)
void bundle_clear(struct bundle *b);

/* Reads config.json and, if it is there, runtime.json. */
int bundle_load(const char *path, struct bundle *out, struct error *err);

/* Mounts, directories, control groups, in this order, so that a directory can be made on a mount. What was mounted
 * before a failure is taken away again. The annotation org.pith.upper names a folder of a disk that takes the place of
 * the tmpfs below the container's writable root. */
int prepare_filesystem(const struct bundle *b, struct error *err);

/* Interfaces and namespace binds of the created container whose first process is `pid`. */
int prepare_process(const struct bundle *b, pid_t pid, struct error *err);

/* Undoes prepare_process(), so that it can be done again: namespace binds, and the ends of veth pairs that stayed
 * here. What was moved into the container comes back, or goes, with its namespace. */
void prepare_release(const struct bundle *b);

/* Takes away the mounts inside the bundle's own directory, last first; those elsewhere were made for others and
 * stay. A mount that is still in use stays too. */
void prepare_undo(const struct bundle *b);

/* The same for what a program left that was killed before it could say what it had mounted, however often: also mounts
 * in use, which last as long as those who use them. */
void prepare_clear(const struct bundle *b);
