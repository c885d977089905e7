#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "container.h"
#include "exit_record.h"
#include "log.h"
#include "reply.h"
#include "shim.h"
#include "spawn.h"
#include "str.h"
#include "task.h"

enum {
	/* After the end of the first process: for the others to end too, and for the runtime's calls that start some.
	 */
	PATIENCE_US = 2 * 1000000,
};

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
	task_deletion_forget(p);
	exit_watch_remove(&p->exit);
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

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void process_publish(struct process *p)
{
	struct container *c = p->container;
	Containerd__Events__TaskExit event = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	Google__Protobuf__Timestamp at;

	p->state = PROCESS_STOPPED;
	if (process_is_init(p)) {
		/* Why it ended comes first. */
		oom_watch_check(&c->oom);
		oom_watch_stop(&c->oom);
		c->paused = false;
	}
	event.container_id = c->id;
	event.id = p->id;
	event.pid = (uint32_t)p->pid;
	event.exit_status = p->status;
	event.exited_at = reply_time(&at, &p->ended_at);
	publish(&c->shim->publisher, "/tasks/exit", &event.base);
	process_answer(p);
	/* Last: a deletion that waited for this may be done with it, and with the container. */
	if (p->on_stopped)
		p->on_stopped(p);
}

/* Whether an added process has still to end before the first one's end may be public. */
static bool execs_busy(const struct container *c)
{
	for (struct list *at = c->execs.next; at != &c->execs; at = at->next) {
		const struct process *p = list_entry(at, struct process, place);

		if (p->starting || p->state == PROCESS_RUNNING)
			return true;
	}
	return false;
}

static void patience_over(struct loop_timer *timer)
{
	struct container *c = timer->data;
	bool late = c->init.state != PROCESS_STOPPED;

	c->impatient = true;
	job_kill(&c->sweep);
	/* What the runtime was asked to do with a container that has meanwhile ended comes to nothing. */
	for (struct list *at = c->running.next; at != &c->running; at = at->next) {
		struct op *op = list_entry(at, struct op, place);

		late |= !op->after_end;
		if (!op->after_end)
			job_kill(&op->job);
	}
	if (late)
		log_warn("%s: its first process has ended, but not all that belongs to it", c->id);
	process_settle(&c->init);
}

static void sweep_done(struct job *job)
{
	struct container *c = job->data;

	c->swept = true;
	process_settle(&c->init);
}

/* Without a PID namespace of its own the kernel leaves the container's other processes alone. */
static void sweep(struct container *c)
{
	const struct runtime rt = container_runtime(c);
	_cleanup_strv_ char **argv = runtime_argv(&rt, "kill", "--all", c->id, "KILL", NULL);
	const struct job_spec spec = { .argv = argv, .input = -1 };
	_cleanup_error_ struct error e = { 0 };

	c->sweep.data = c;
	if (!argv)
		error_set(&e, ENOMEM, "runtime");
	else if (job_start(&c->sweep, c->shim->loop, &c->shim->reaper, &spec, sweep_done, &e) == 0)
		return;
	log_warn("%s: kill all: %s", c->id, error_text(&e));
	c->swept = true;
}

void process_settle(struct process *p)
{
	struct container *c = p->container;

	if (!p->ended || !p->told || p->starting || p->state == PROCESS_STOPPED)
		return;
	if (!process_is_init(p)) {
		process_publish(p);
		process_settle(&c->init);
		return;
	}
	if (!c->private_pids && !c->swept && !c->impatient) {
		if (!job_running(&c->sweep))
			sweep(c);
		if (!c->swept)
			return;
	}
	if (!c->impatient && execs_busy(c))
		return;
	process_publish(p);
}

/* Before anybody is told: what `delete` says for a shim that was killed is then the same. */
static void end_record(const struct process *p)
{
	const struct exit_record r = { .pid = p->pid, .status = p->status, .at = p->ended_at };
	_cleanup_error_ struct error e = { 0 };

	if (exit_record_save(p->container->bundle, &r, &e) < 0)
		log_warn("%s: %s", p->id, error_text(&e));
}

static void exited(struct exit_watch *watch, int status)
{
	struct process *p = watch->data;

	p->ended = true;
	p->status = (unsigned)spawn_status_code(status);
	clock_gettime(CLOCK_REALTIME, &p->ended_at);
	streams_exited(&p->streams);
	if (process_is_init(p)) {
		struct container *c = p->container;

		end_record(p);
		c->patience = (struct loop_timer){ .fn = patience_over, .data = c };
		c->impatient = loop_timer_after(c->shim->loop, &c->patience, PATIENCE_US, NULL) < 0;
		if (c->exclusive && c->exclusive->init_ended) {
			c->exclusive->init_ended(c->exclusive); /* which settles it */
			return;
		}
	}
	process_settle(p);
}

int process_watch(struct process *p, pid_t pid, struct error *err)
{
	p->exit = (struct exit_watch){ .fn = exited, .data = p };
	if (exit_watch_add(&p->container->shim->reaper, &p->exit, pid, err) < 0)
		return -1;
	p->pid = pid;
	return 0;
}

/* --- waiting for it ----------------------------------------------------------------------------------------------- */

static void wait_cancelled(struct call *call, void *data, enum grpc_status why)
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
	call_on_cancel(call, wait_cancelled, w);
	if (p->state == PROCESS_STOPPED || p->failed)
		process_answer(p);
}
