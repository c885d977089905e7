#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "container.h"
#include "hold.h"
#include "log.h"
#include "removal.h"
#include "shim.h"
#include "spawn.h"
#include "str.h"

enum {
	END_US = 2 * 1000000, /* for processes that were killed: until they are gone */
	END_MOST_US = 40 * 1000000,
};

/* A call that is answered later. */
struct waiter {
	struct list place;
	struct call *call;
	sandbox_answer_fn *answer;
};

static void waiters_answer(struct list *waiters, const struct sandbox *s)
{
	while (!list_empty(waiters)) {
		struct waiter *w = list_entry(waiters->next, struct waiter, place);

		list_remove(&w->place);
		w->answer(w->call, s);
		free(w);
	}
}

/* NULL: the call has been answered. */
static struct waiter *waiter_add(struct list *waiters, struct call *call, sandbox_answer_fn *answer)
{
	struct waiter *w = malloc(sizeof(*w));

	if (!w) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return NULL;
	}
	*w = (struct waiter){ .call = call, .answer = answer };
	list_append(waiters, &w->place);
	return w;
}

/* --- from its creation to its stop -------------------------------------------------------------------------------- */

bool sandbox_is(const struct shim *shim, const char *id)
{
	return shim->sandbox && str_eq(shim->sandbox->id, id);
}

struct sandbox *sandbox_make(struct shim *shim, const char *id, const char *netns_path,
			     const Google__Protobuf__Any *options, enum grpc_status *status, struct error *err)
{
	_cleanup_close_ int netns = *netns_path ? open(netns_path, O_RDONLY | O_CLOEXEC) : -1;
	_cleanup_free_ char *id_copy = strdup(id), *path = strdup(netns_path), *path_copy = strdup(netns_path);
	_cleanup_pod_ struct pod pod = { 0 };
	struct sandbox *s;

	if (*netns_path && netns < 0) {
		*status = errno == ENOENT ? GRPC_NOT_FOUND : GRPC_UNKNOWN;
		error_set(err, errno, "network namespace %s", netns_path);
		return NULL;
	}
	*status = GRPC_INVALID_ARGUMENT;
	if (pod_read(options, netns < 0, &pod, err) < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s || !id_copy || !path || !path_copy) {
		free(s);
		*status = GRPC_RESOURCE_EXHAUSTED;
		error_set(err, 0, "out of memory");
		return NULL;
	}
	*s = (struct sandbox){ .shim = shim, .id = steal_ptr(&id_copy), .netns_path = steal_ptr(&path), .pod = pod };
	pod = (struct pod){ 0 };
	list_init(&s->waiters);
	list_init(&s->enders);
	clock_gettime(CLOCK_REALTIME, &s->created_at);
	shim->network = (struct network){ .fd = steal_fd(&netns), .path = steal_ptr(&path_copy) };
	shim->sandbox = s;
	return s;
}

static void sandbox_stopped(struct sandbox *s, unsigned status)
{
	s->state = SANDBOX_STOPPED;
	s->status = status;
	clock_gettime(CLOCK_REALTIME, &s->exited_at);
	network_clear(&s->shim->network);
	waiters_answer(&s->waiters, s);
}

static void sandbox_exited(struct exit_watch *watch, int status)
{
	sandbox_stopped(watch->data, (unsigned)spawn_status_code(status));
}

int sandbox_start(struct sandbox *s, struct error *err)
{
	const struct hold hold = { .pod = &s->pod, .network = &s->shim->network };
	pid_t pid = hold_make(&hold, err);

	if (pid < 0)
		return -1;
	s->exit = (struct exit_watch){ .fn = sandbox_exited, .data = s };
	if (exit_watch_add(&s->shim->reaper, &s->exit, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	s->pid = pid;
	s->state = SANDBOX_READY;
	return 0;
}

void sandbox_stop(struct sandbox *s)
{
	struct shim *shim = s->shim;

	for (struct list *at = shim->containers.next; at != &shim->containers; at = at->next)
		container_abandon(list_entry(at, struct container, place));
	if (s->state == SANDBOX_READY)
		kill(s->pid, SIGKILL);
	else if (s->state == SANDBOX_CREATED)
		sandbox_stopped(s, 0);
}

static void wait_cancelled(struct call *call, void *data, enum grpc_status why)
{
	struct waiter *w = data;

	list_remove(&w->place);
	free(w);
	call_fail(call, why, "the sandbox has not stopped");
}

void sandbox_wait(struct sandbox *s, struct call *call, sandbox_answer_fn *answer)
{
	struct waiter *w = waiter_add(&s->waiters, call, answer);

	if (!w)
		return;
	call_on_cancel(call, wait_cancelled, w);
	if (s->state == SANDBOX_STOPPED)
		waiters_answer(&s->waiters, s);
}

/* --- the end: containers that are left ---------------------------------------------------------------------------- */

/* The removal of one of them. */
struct leftover {
	struct op op;
	struct sandbox *sandbox;
	struct removal removal;
	struct bundle_config config;
	struct loop_timer patience; /* with its first process */
};

static struct leftover *leftover_of(struct op *op)
{
	return (struct leftover *)(void *)op; /* the first member */
}

static void sandbox_over(struct sandbox *s)
{
	loop_timer_disarm(&s->patience);
	s->over = true;
	waiters_answer(&s->enders, s);
}

static void removal_count_down(struct sandbox *s)
{
	if (--s->removals == 0 && !s->over)
		sandbox_over(s);
}

static void leftover_free(struct op *op)
{
	struct leftover *l = leftover_of(op);
	struct sandbox *s = l->sandbox;

	op->container->init.on_stopped = NULL;
	loop_timer_disarm(&l->patience);
	removal_drop(&l->removal);
	bundle_config_clear(&l->config);
	free(l);
	removal_count_down(s);
}

static void leftover_removed(struct removal *r)
{
	struct leftover *l = r->data;

	l->op.container->ops.closing = true;
	op_end(&l->op);
}

static void leftover_remove(struct leftover *l)
{
	struct container *c = l->op.container;
	_cleanup_error_ struct error e = { 0 };

	c->init.on_stopped = NULL;
	loop_timer_disarm(&l->patience);
	if (bundle_config_read(c->bundle, &l->config, &e) < 0 && e.code != ENOENT)
		log_warn("%s", error_text(&e));
	l->removal.data = l;
	removal_start(&l->removal, c, l->config.cgroups_path, leftover_removed);
}

static void leftover_stopped(struct process *p)
{
	leftover_remove(leftover_of(p->container->ops.exclusive));
}

/* It may be frozen: the runtime knows how to end it all the same. */
static void leftover_late(struct loop_timer *timer)
{
	leftover_remove(timer->data);
}

static void leftover_run(struct op *op)
{
	struct leftover *l = leftover_of(op);
	struct process *p = op->process;

	/* The runtime takes a process that nobody has reaped for one that runs. */
	if (p->pid > 0 && p->state != PROCESS_STOPPED &&
	    loop_timer_after(op->container->shim->loop, &l->patience, END_US, NULL) == 0) {
		p->on_stopped = leftover_stopped;
		return;
	}
	leftover_remove(l);
}

static void leftover_begin(struct sandbox *s, struct container *c)
{
	struct leftover *l = calloc(1, sizeof(*l));

	if (!l) {
		log_error("%s: out of memory: it stays", c->id);
		return;
	}
	l->op = (struct op){ .container = c, .process = &c->init, .run = leftover_run, .free = leftover_free };
	l->sandbox = s;
	l->patience = (struct loop_timer){ .fn = leftover_late, .data = l };
	s->removals++;
	op_submit(&l->op);
}

static void sandbox_late(struct loop_timer *timer)
{
	struct sandbox *s = timer->data;
	struct shim *shim = s->shim;

	if (s->hurried) {
		log_warn("sandbox %s: not all of its containers could be removed", s->id);
		sandbox_over(s);
		return;
	}
	s->hurried = true;
	(void)loop_timer_after(shim->loop, timer, END_MOST_US, NULL); /* else the client's patience has to do */
	for (struct list *at = shim->containers.next; at != &shim->containers; at = at->next)
		(void)op_queue_hurry(&list_entry(at, struct container, place)->ops);
}

void sandbox_end(struct sandbox *s, struct call *call, sandbox_answer_fn *answer)
{
	struct shim *shim = s->shim;
	struct list *at, *next;

	if (!waiter_add(&s->enders, call, answer))
		return;
	if (s->over)
		waiters_answer(&s->enders, s);
	if (s->ending)
		return;
	s->ending = shim->closing = true;
	s->patience = (struct loop_timer){ .fn = sandbox_late, .data = s };
	(void)loop_timer_after(shim->loop, &s->patience, END_US, NULL); /* else nobody is hurried */
	sandbox_stop(s);
	s->removals = 1; /* until all of them have been counted */
	for (at = shim->containers.next; at != &shim->containers; at = next) {
		next = at->next;
		leftover_begin(s, list_entry(at, struct container, place));
	}
	removal_count_down(s);
}

/* --- gone --------------------------------------------------------------------------------------------------------- */

void sandbox_free(struct shim *shim)
{
	struct sandbox *s = shim->sandbox;

	if (!s)
		return;
	shim->sandbox = NULL;
	exit_watch_remove(&s->exit);
	if (s->state == SANDBOX_READY)
		kill(s->pid, SIGKILL);
	loop_timer_disarm(&s->patience);
	waiters_answer(&s->waiters, s);
	waiters_answer(&s->enders, s);
	network_clear(&shim->network);
	pod_clear(&s->pod);
	free(s->netns_path);
	free(s->id);
	free(s);
}
