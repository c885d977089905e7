/* A container as the shim knows it: its processes, its operations, and what was found out about it when it was created.
 *
 *     container_new() -> Create's operation -> created: the outside finds it -> Delete's operation sets ops.closing
 *     -> the queue runs empty -> container_free()
 *
 * A Create that fails closes the queue as well. container_leave() forgets a container that lives on when the shim ends.
 *
 * Files: op.h has the queue of operations, container_process.h the processes, ending.h their ends. */
#pragma once

#include "bundle.h"
#include "cgroups.h"
#include "container_process.h"
#include "ending.h"
#include "oom.h"
#include "op.h"
#include "runtime.h"
#include "streams.h"

struct shim;

struct container {
	struct list place;
	struct shim *shim;
	char *id, *bundle;
	char *rootfs; /* where its mounts are, NULL: nowhere */
	struct process init;
	struct list execs;
	bool created; /* the outside knows it */
	bool paused, pausing;
	bool private_pids;                    /* all its processes end with the first */
	char *checkpoint, *parent_checkpoint; /* to be restored from at start; NULL: not */
	struct bundle_options options;
	struct streams_owner streams_owner;
	struct cgroups cgroups;
	struct oom_watch oom;
	struct ending ending;
	struct op_queue ops;
};

struct container *container_new(struct shim *shim, const char *id, const char *bundle, struct error *err);
/* Takes it out of the shim. Nothing of it may be under way; an operation sets `ops.closing` instead, and ends. */
void container_free(struct container *c);
/* One that the outside knows; NULL if there is none. */
struct container *container_find(struct shim *shim, const char *id);
/* Also one that is being created. */
bool container_exists(struct shim *shim, const char *id);
/* exec_id "": the first process. NULL if there is none. */
struct process *container_process(struct container *c, const char *exec_id);
/* Forgets one that lives on when the shim ends. */
void container_leave(struct container *c);
/* Kills what is left of it without asking anybody, for a shim that gives up on it. */
void container_abandon(struct container *c);

static inline bool process_is_init(const struct process *p)
{
	return p == &p->container->init;
}

/* For runtime_argv(). */
static inline struct runtime container_runtime(const struct container *c)
{
	return (struct runtime){
		.path = c->options.binary,
		.root = c->options.root,
		.log = JOB_LOG_PATH,
		.systemd_cgroup = c->options.systemd_cgroup,
	};
}
