/* What a shim that seems stuck is doing, for its log: SIGUSR1 asks for it. */
#include "dump.h"

#include "container.h"
#include "log.h"
#include "shim.h"

static const char *state_name(const struct process *p)
{
	static const char *const names[] = {
		[PROCESS_CREATED] = "created",
		[PROCESS_RUNNING] = "running",
		[PROCESS_STOPPED] = "stopped",
	};

	if (p->state == PROCESS_RUNNING && process_is_init(p) && p->container->paused)
		return "paused";
	return names[p->state];
}

static unsigned list_count(const struct list *l)
{
	unsigned n = 0;

	for (const struct list *at = l->next; at != l; at = at->next)
		n++;
	return n;
}

static void process_dump(const struct process *p)
{
	log_info("  process %s: pid %d, %s%s%s%s, %u waiting for its end, %u outputs copied%s", p->id, (int)p->pid,
		 state_name(p), p->starting ? ", starting" : "", p->ended ? ", ended" : "",
		 p->deletion ? ", being deleted" : "", list_count(&p->waiters), p->streams.outputs,
		 p->streams.logger ? ", a logging program" : "");
}

static void ops_dump(const struct list *ops, const char *what)
{
	for (const struct list *at = ops->next; at != ops; at = at->next) {
		const struct op *op = list_entry(at, struct op, place);

		if (job_running(&op->job))
			log_info("  call %s: %s, runtime's pid %d", what, op->process ? op->process->id : "container",
				 (int)op->job.pid);
		else
			log_info("  call %s: %s", what, op->process ? op->process->id : "container");
	}
}

static void container_dump(const struct container *c)
{
	log_info("container %s: bundle %s, runtime %s%s%s", c->id, c->bundle,
		 c->options.binary ? c->options.binary : "not known yet", c->created ? "" : ", being created",
		 c->ops.closing ? ", going" : "");
	process_dump(&c->init);
	for (const struct list *at = c->execs.next; at != &c->execs; at = at->next)
		process_dump(list_entry(at, struct process, place));
	ops_dump(&c->ops.running, "under way");
	ops_dump(&c->ops.waiting, "waiting");
}

void shim_dump(const struct shim *s)
{
	log_info("shim %s of namespace %s: %u containers%s, %zu connections, %zu events not delivered yet%s", s->id,
		 s->namespace, list_count(&s->containers), s->sandbox ? ", a sandbox" : "", s->server.connection_count,
		 s->publisher.count, s->leaving ? ", leaving" : "");
	for (const struct list *at = s->containers.next; at != &s->containers; at = at->next)
		container_dump(list_entry(at, struct container, place));
}
