#include "removal.h"

#include <errno.h>

#include "container.h"
#include "leftovers.h"
#include "log.h"
#include "rootfs.h"
#include "shim.h"
#include "str.h"

enum {
	RUNTIME_US = 30 * 1000000,
	/* What is left of a container that was stopped half way takes a moment to go, and the kernel tells nobody when
	 * a control group of version 1 has become empty. */
	LEFTOVER_TRIES = 50,
	LEFTOVER_US = 20000,
};

void removal_mounts(struct removal *r, struct container *c, removal_fn *done)
{
	_cleanup_error_ struct error e = { 0 };

	if (c->rootfs && rootfs_unmount(c->rootfs, &e) < 0)
		log_warn("%s: %s", c->id, error_text(&e));
	done(r);
}

static void leftovers_look(struct loop_timer *timer)
{
	struct removal *r = timer->data;

	if (leftovers_remove(&r->leftovers) > 0 && ++r->tries < LEFTOVER_TRIES &&
	    loop_timer_after(r->container->shim->loop, timer, LEFTOVER_US, NULL) == 0)
		return;
	removal_mounts(r, r->container, r->done);
}

static void leftovers_start(struct removal *r)
{
	/* Without memory there is nothing to look at, and the mounts are still to go. */
	(void)leftovers_cgroups(r->cgroups_path, r->container->id, &r->leftovers, NULL);
	r->timer = (struct loop_timer){ .fn = leftovers_look, .data = r };
	leftovers_look(&r->timer);
}

/* How that went says nothing: the runtime may know of no container. */
static void runtime_deleted(struct job *job)
{
	struct removal *r = job->data;

	loop_timer_disarm(&r->timer);
	leftovers_start(r);
}

static void runtime_late(struct loop_timer *timer)
{
	struct removal *r = timer->data;

	log_warn("%s: the runtime does not delete it", r->container->id);
	job_kill(&r->job);
}

static int runtime_delete(struct removal *r, struct error *err)
{
	struct shim *shim = r->container->shim;
	const struct runtime rt = container_runtime(r->container);
	_cleanup_strv_ char **argv = runtime_argv(&rt, "delete", "--force", r->container->id, NULL);
	const struct job_spec spec = { .argv = argv, .input = -1 };
	int result, back;

	if (!argv)
		return error_set(err, ENOMEM, "runtime");
	result = network_enter(&shim->network, &back, err);
	if (result == 0)
		result = job_start(&r->job, shim->loop, &shim->reaper, &spec, runtime_deleted, err);
	network_leave(back);
	return result;
}

void removal_start(struct removal *r, struct container *c, const char *cgroups_path, removal_fn *done)
{
	_cleanup_error_ struct error e = { 0 };

	*r = (struct removal){ .data = r->data, .container = c, .done = done, .cgroups_path = cgroups_path };
	r->job.data = r;
	r->timer = (struct loop_timer){ .fn = runtime_late, .data = r };
	if (runtime_delete(r, &e) == 0) {
		/* Without memory for a timer the runtime has as long as it likes. */
		(void)loop_timer_after(c->shim->loop, &r->timer, RUNTIME_US, NULL);
		return;
	}
	log_warn("%s: %s", c->id, error_text(&e));
	leftovers_start(r);
}

void removal_drop(struct removal *r)
{
	job_drop(&r->job);
	loop_timer_disarm(&r->timer);
	cgroups_clear(&r->leftovers);
}
