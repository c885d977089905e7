#include "container.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"
#include "str.h"

struct container *container_new(struct shim *shim, const char *id, const char *bundle, struct error *err)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c) {
		error_set(err, ENOMEM, "container %s", id);
		return NULL;
	}
	c->shim = shim;
	list_init(&c->place);
	list_init(&c->execs);
	op_queue_init(&c->ops, container_free);
	c->id = strdup(id);
	c->bundle = strdup(bundle);
	if (!c->id || !c->bundle) {
		error_set(err, ENOMEM, "container %s", id);
		free(c->id);
		free(c->bundle);
		free(c);
		return NULL;
	}
	list_append(&shim->containers, &c->place);
	return c;
}

void container_free(struct container *c)
{
	struct shim *shim = c->shim;

	list_remove(&c->place);
	while (!list_empty(&c->execs))
		process_free(list_entry(c->execs.next, struct process, place));
	process_clear(&c->init);
	oom_watch_stop(&c->oom);
	ending_stop(&c->ending);
	cgroups_clear(&c->cgroups);
	bundle_options_clear(&c->options);
	free(c->checkpoint);
	free(c->parent_checkpoint);
	free(c->rootfs);
	free(c->id);
	free(c->bundle);
	free(c);
	shim_container_gone(shim);
}

void container_leave(struct container *c)
{
	op_queue_leave(&c->ops);
	container_free(c);
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

static struct container *container_lookup(struct shim *shim, const char *id)
{
	for (struct list *at = shim->containers.next; at != &shim->containers; at = at->next) {
		struct container *c = list_entry(at, struct container, place);

		if (str_eq(c->id, id))
			return c;
	}
	return NULL;
}

struct container *container_find(struct shim *shim, const char *id)
{
	struct container *c = container_lookup(shim, id);

	return c && c->created ? c : NULL;
}

bool container_exists(struct shim *shim, const char *id)
{
	return container_lookup(shim, id) != NULL;
}

struct process *container_process(struct container *c, const char *exec_id)
{
	if (*exec_id == '\0')
		return &c->init;
	for (struct list *at = c->execs.next; at != &c->execs; at = at->next) {
		struct process *p = list_entry(at, struct process, place);

		if (str_eq(p->id, exec_id))
			return p;
	}
	return NULL;
}

/* --- giving up on it ---------------------------------------------------------------------------------------------- */

static int kill_one(pid_t pid, void *data)
{
	(void)data;
	kill(pid, SIGKILL);
	return 0;
}

void container_abandon(struct container *c)
{
	const char *dir = cgroups_dir(&c->cgroups, "pids");

	if (c->init.pid > 0 && !c->init.ended)
		kill(c->init.pid, SIGKILL);
	if (dir)
		cgroups_each_pid(dir, kill_one, NULL);
}
