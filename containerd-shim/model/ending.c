#include "ending.h"

#include <errno.h>
#include <time.h>

#include "container.h"
#include "exit_record.h"
#include "log.h"
#include "reply.h"
#include "shim.h"
#include "spawn.h"
#include "str.h"

enum {
	/* After the end of the first process: for the others to end too, and for the runtime's calls that start some.
	 */
	PATIENCE_US = 2 * 1000000,
	/* Its output is looked at after 0.5 ms, then after twice as long each time, for about a second in all: a reader
	 * on a busy machine may not run for a long time. */
	LOOK_US = 500,
	LOOKS = 11,
};

/* --- what the outside is told ------------------------------------------------------------------------------------- */

static void end_publish(struct process *p)
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

/* --- what the first process leaves behind ------------------------------------------------------------------------- */

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

	c->ending.impatient = true;
	job_kill(&c->ending.sweep);
	/* What the runtime was asked to do with a container that has meanwhile ended comes to nothing. */
	if (op_queue_hurry(&c->ops) || late)
		log_warn("%s: its first process has ended, but not all that belongs to it", c->id);
	ending_settle(&c->init);
}

static void sweep_done(struct job *job)
{
	struct container *c = job->data;

	c->ending.swept = true;
	ending_settle(&c->init);
}

/* Without a PID namespace of its own the kernel leaves the container's other processes alone. */
static void sweep_start(struct container *c)
{
	const struct runtime rt = container_runtime(c);
	_cleanup_strv_ char **argv = runtime_argv(&rt, "kill", "--all", c->id, "KILL", NULL);
	const struct job_spec spec = { .argv = argv, .input = -1 };
	_cleanup_error_ struct error e = { 0 };

	c->ending.sweep.data = c;
	if (!argv)
		error_set(&e, ENOMEM, "runtime");
	else if (job_start(&c->ending.sweep, c->shim->loop, &c->shim->reaper, &spec, sweep_done, &e) == 0)
		return;
	log_warn("%s: kill all: %s", c->id, error_text(&e));
	c->ending.swept = true;
}

/* Whether the others have been told to end, or need not be. */
static bool sweep_is_done(struct container *c)
{
	if (c->private_pids || c->ending.swept || c->ending.impatient)
		return true;
	if (!job_running(&c->ending.sweep))
		sweep_start(c);
	return c->ending.swept;
}

static void look_again(struct loop_timer *timer)
{
	ending_settle(timer->data);
}

/* Some that keep a log (nerdctl's) stop reading as soon as they hear of the end: what is in the fifo or pipe then is
 * lost to them. So they get the time for it, and no more where nobody reads. Linux has no event for a pipe that has
 * become empty: it is looked at, a few times. */
static bool output_is_read(struct process *p)
{
	if (streams_are_read(&p->streams))
		return true;
	if (loop_timer_armed(&p->look))
		return false;
	if (p->looks == LOOKS)
		return true;
	p->look = (struct loop_timer){ .fn = look_again, .data = p };
	return loop_timer_after(p->container->shim->loop, &p->look, (uint64_t)LOOK_US << p->looks++, NULL) < 0;
}

void ending_settle(struct process *p)
{
	struct container *c = p->container;

	if (!p->ended || !p->told || p->starting || p->state == PROCESS_STOPPED)
		return;
	if (!process_is_init(p)) {
		if (!output_is_read(p))
			return;
		end_publish(p);
		ending_settle(&c->init);
	} else if (sweep_is_done(c) && (c->ending.impatient || (!execs_busy(c) && output_is_read(p)))) {
		end_publish(p);
	}
}

/* --- what the kernel says ----------------------------------------------------------------------------------------- */

/* Before anybody is told: what `delete` says for a shim that was killed is then the same. */
static void end_record(const struct process *p)
{
	const struct exit_record r = { .pid = p->pid, .status = p->status, .at = p->ended_at };
	_cleanup_error_ struct error e = { 0 };

	if (exit_record_save(p->container->bundle, &r, &e) < 0)
		log_warn("%s: %s", p->id, error_text(&e));
}

static void process_exited(struct exit_watch *watch, int status)
{
	struct process *p = watch->data;
	struct container *c = p->container;

	p->ended = true;
	p->status = (unsigned)spawn_status_code(status);
	clock_gettime(CLOCK_REALTIME, &p->ended_at);
	streams_exited(&p->streams);
	if (process_is_init(p)) {
		end_record(p);
		c->ending.patience = (struct loop_timer){ .fn = patience_over, .data = c };
		c->ending.impatient = loop_timer_after(c->shim->loop, &c->ending.patience, PATIENCE_US, NULL) < 0;
		if (c->ops.exclusive && c->ops.exclusive->init_ended) {
			c->ops.exclusive->init_ended(c->ops.exclusive); /* which settles it */
			return;
		}
	}
	ending_settle(p);
}

int ending_watch(struct process *p, pid_t pid, struct error *err)
{
	p->exit = (struct exit_watch){ .fn = process_exited, .data = p };
	if (exit_watch_add(&p->container->shim->reaper, &p->exit, pid, err) < 0)
		return -1;
	p->pid = pid;
	return 0;
}

void ending_stop(struct ending *e)
{
	job_drop(&e->sweep);
	loop_timer_disarm(&e->patience);
}
