/* The directory of a task, as containerd makes it (its core/runtime/v2/bundle.go) and finds it when it starts:
 *
 *     STATE/NAMESPACE/ID/   config.json       the specification
 *                           rootfs/           empty: our containers' roots are elsewhere
 *                           work              a link to ROOT/NAMESPACE/ID, made empty
 *                           log               a fifo: what the shim says
 *                           shim-binary-path  the shim's program
 *                           address           where the shim listens; or bootstrap.json
 *
 * containerd (from 1.6) takes over a shim whose bundle has the file shim-binary-path without looking for a container of
 * that name in its database. The file "unrecorded" is ours: the container has no record there yet. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "error.h"

struct task_place {
	const char *state, *root; /* containerd's directories of tasks: /run/..., /var/lib/... */
	const char *shim;         /* program */
};

/* Makes it. EEXIST: there is one, which stays. Nothing is left after other errors. */
int task_bundle_make(const struct task_place *at, const char *namespace, const char *id, const char *spec,
		     struct error *err);
/* Keeps what the shim's `start` said. */
int task_bundle_answer(const char *bundle, const struct buf *answer, struct error *err);
/* Takes it away, with what is mounted in it. */
int task_bundle_remove(const struct task_place *at, const char *namespace, const char *id, struct error *err);

/* Whether containerd has no record of the container yet; and that it has. bundle: the directory. */
bool task_bundle_unrecorded(const char *bundle);
void task_bundle_recorded(const char *bundle);
