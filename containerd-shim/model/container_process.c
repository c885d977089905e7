#include "container_process.h"

#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "reply.h"
#include "shim.h"

struct waiter {
	struct list place;
	struct process *process;
	struct call *call;
};

int process_init(struct process *p, struct container *c, const char *id, const char *in, const char *out,
		 const char *err, bool terminal)
{
	*p = (struct process){ .container = c };
	list_init(&p->place);
	list_init(&p->waiters);
	streams_init(&p->streams);
	p->id = strdup(id);
	return p->id ? streams_paths_set(&p->paths, in, out, err, terminal) : -1;
}

void process_answer(struct process *p)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;

	response.exit_status = p->status;
	response.exited_at = reply_time(&at, &p->ended_at);
	while (!list_empty(&p->waiters)) {
		struct waiter *w = list_entry(p->waiters.next, struct waiter, place);

		list_remove(&w->place);
		call_reply(w->call, &response.base);
		free(w);
	}
}

void process_clear(struct process *p)
{
	if (!p->container)
		return;
	if (p->deletion)
		p->deletion_drop(p);
	exit_watch_remove(&p->exit);
	loop_timer_disarm(&p->look);
	streams_close(&p->streams);
	while (!list_empty(&p->waiters)) {
		struct waiter *w = list_entry(p->waiters.next, struct waiter, place);

		list_remove(&w->place);
		call_fail(w->call, p->container->shim->leaving ? GRPC_UNAVAILABLE : GRPC_NOT_FOUND,
			  p->container->shim->leaving ? "the shim is shutting down" : "process %s was deleted", p->id);
		free(w);
	}
	streams_paths_clear(&p->paths);
	buf_free(&p->spec);
	free(p->id);
	p->id = NULL;
	p->container = NULL;
}

struct process *process_new(struct container *c, const char *id, const char *in, const char *out, const char *err,
			    bool terminal)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (process_init(p, c, id, in, out, err, terminal) < 0) {
		process_clear(p);
		free(p);
		return NULL;
	}
	list_append(&c->execs, &p->place);
	return p;
}

void process_free(struct process *p)
{
	list_remove(&p->place);
	process_clear(p);
	free(p);
}

/* --- waiting for it ----------------------------------------------------------------------------------------------- */

static void waiter_cancelled(struct call *call, void *data, enum grpc_status why)
{
	struct waiter *w = data;

	list_remove(&w->place);
	free(w);
	call_fail(call, why, "the process has not ended");
}

void process_wait(struct process *p, struct call *call)
{
	struct waiter *w = malloc(sizeof(*w));

	if (!w) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*w = (struct waiter){ .process = p, .call = call };
	list_append(&p->waiters, &w->place);
	call_on_cancel(call, waiter_cancelled, w);
	if (p->state == PROCESS_STOPPED || p->failed)
		process_answer(p);
}
