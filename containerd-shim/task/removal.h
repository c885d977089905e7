/* Takes away what there is of a container that nobody can delete in the ordinary way: one whose creation was stopped
 * half way, or one that is left when its sandbox goes. Each step goes on where the one before has failed.
 *
 *     removal_start() -> `runtime delete --force` (30 s at most) -> processes and control groups that the runtime does
 * not know about (1 s at most) -> mounts -> done()
 *
 * It is part of an operation whose turn it is. It has a runtime call of its own: what hurries the operation (its
 * caller's deadline) does not stop the removal. */
#pragma once

#include "cgroups.h"
#include "job.h"

struct container;
struct removal;
/* From the loop, or at once. */
typedef void removal_fn(struct removal *r);

/* Zero-initialised is idle. */
struct removal {
	void *data; /* the caller's */
	/* private */
	struct container *container;
	removal_fn *done;
	const char *cgroups_path;
	struct job job;
	struct cgroups leftovers;
	struct loop_timer timer; /* for the runtime's call, then for the next look at what is left */
	int tries;
};

/* cgroups_path: the configuration's, has to stay; NULL: none there. */
void removal_start(struct removal *r, struct container *c, const char *cgroups_path, removal_fn *done);
/* The last step alone: for a container that the runtime has never had, or has cleaned up behind. */
void removal_mounts(struct removal *r, struct container *c, removal_fn *done);
/* Forgets it: nothing is called. */
void removal_drop(struct removal *r);
