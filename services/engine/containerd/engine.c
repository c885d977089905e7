#include <errno.h>
#include <string.h>

#include "containerd.h"
#include "containerd_private.h"
#include "daemon.h"
#include "log.h"
#include "str.h"
#include "task.h"

/* What containerd keeps of tasks beside their state, where its configuration names no other root. */
#define TASKS_KEPT "/var/lib/containerd/io.containerd.runtime.v2.task"

enum { SETTLE_US = 1000 * 1000 };

/* --- the connection --------------------------------------------------------------------------------------------- */

static void start_settled(struct loop_timer *timer)
{
	struct containerd *e = timer->data;

	if (!containerd_connected(e))
		return;
	if (e->owned && e->engine.host->first)
		leftovers_begin(&e->leftovers, e->rpc, e->namespace, e->engine.host);
}

static void connection_close(struct containerd *e)
{
	struct rpc *r = e->rpc;

	pulse_end(&e->pulse);
	leftovers_end(&e->leftovers);
	e->rpc = NULL;
	rpc_free(r);
}

static void connection_lost(void *data)
{
	struct containerd *e = data;

	connection_close(e);
	daemon_lost(e->daemon);
}

static void pulse_silent(void *data)
{
	struct containerd *e = data;

	daemon_silent(e->daemon);
	connection_lost(e);
}

static void daemon_is_starting(void *data)
{
	const struct containerd *e = data;

	leftovers_removed_clear(e->state);
	leftovers_removed_clear(TASKS_KEPT);
}

static void daemon_is_up(void *data)
{
	struct containerd *e = data;
	struct loop *loop = e->engine.host->loop;
	_cleanup_error_ struct error err = { 0 };

	if (e->rpc)
		return;
	e->rpc = rpc_connect(loop, e->socket, connection_lost, e, &err);
	if (!e->rpc) {
		log_error("%s", error_text(&err));
		daemon_lost(e->daemon);
		return;
	}
	tasks_resume(e);
	pulse_begin(&e->pulse, loop, e->rpc, daemon_patience(e->daemon));
	loop_timer_after(loop, &e->settle, SETTLE_US, NULL);
}

static void daemon_is_gone(void *data)
{
	struct containerd *e = data;

	e->engine.host->events->gone(&e->engine, e->engine.host->data);
}

/* --- the engine's calls ----------------------------------------------------------------------------------------- */

static void containerd_start(struct engine *engine, struct engine_container *c)
{
	task_begin((struct containerd *)engine, c, false);
}

static void containerd_adopt(struct engine *engine, struct engine_container *c)
{
	task_begin((struct containerd *)engine, c, true);
}

static void containerd_kill(struct engine *engine, struct engine_container *c, int signo)
{
	(void)engine;
	task_kill(c->task, signo);
}

static int containerd_exec(struct engine *engine, struct engine_container *c, char *const *argv, engine_exec_fn *done,
			   void *data, struct error *err)
{
	(void)engine;
	return task_exec(c->task, argv, done, data, err);
}

static void containerd_remove(struct engine *engine, struct engine_container *c)
{
	task_remove((struct containerd *)engine, c);
}

static void containerd_detach(struct engine *engine, struct engine_container *c)
{
	(void)engine;
	task_detach(c);
}

static void containerd_shutdown(struct engine *engine)
{
	struct containerd *e = (struct containerd *)engine;

	connection_close(e);
	daemon_stop(e->daemon);
}

static void containerd_free(struct engine *engine)
{
	struct containerd *e = (struct containerd *)engine;

	connection_close(e);
	loop_timer_disarm(&e->settle);
	daemon_free(e->daemon);
	free(e->socket);
	free(e);
}

static const struct engine_ops containerd_ops = {
	.name = "containerd",
	.start = containerd_start,
	.adopt = containerd_adopt,
	.kill = containerd_kill,
	.exec = containerd_exec,
	.remove = containerd_remove,
	.detach = containerd_detach,
	.shutdown = containerd_shutdown,
	.free = containerd_free,
};

struct engine *engine_containerd(const struct engine_host *host, const struct containerd_options *o, struct error *err)
{
	struct containerd *e = calloc(1, sizeof(*e));

	if (!e) {
		error_set(err, ENOMEM, "engine");
		return NULL;
	}
	*e = (struct containerd){ .engine = { .ops = &containerd_ops, .host = host },
				  .socket = strdup(o->socket),
				  .namespace = o->namespace,
				  .state = o->state,
				  .owned = o->program != NULL,
				  .pulse = { .silent = pulse_silent, .data = e },
				  .settle = { .fn = start_settled, .data = e } };
	list_init(&e->tasks);
	e->engine.socket = e->socket;
	if (!e->socket)
		error_set(err, ENOMEM, "%s", o->socket);
	else
		e->daemon = daemon_new(&(struct daemon_setup){ .loop = host->loop,
							       .reaper = host->reaper,
							       .program = o->program,
							       .socket = e->socket,
							       .settings = o->settings,
							       .logs = host->logs,
							       .run_dir = host->run_dir,
							       .starting = daemon_is_starting,
							       .up = daemon_is_up,
							       .gone = daemon_is_gone,
							       .data = e },
				       err);
	if (!e->daemon) {
		free(e->socket);
		free(e);
		return NULL;
	}
	return &e->engine;
}
