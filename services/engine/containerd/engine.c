#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "containerd.h"
#include "containerd_private.h"
#include "daemon.h"
#include "idle.h"
#include "io.h"
#include "log.h"
#include "runtime.h"
#include "str.h"
#include "task.h"

/* What containerd keeps of tasks beside their state, where its configuration names no other root. */
#define TASKS_KEPT "/var/lib/containerd/io.containerd.runtime.v2.task"

#define CONTAINERD_DIR "/run/containerd"

enum { SETTLE_US = 1000 * 1000 };

/* --- the connection --------------------------------------------------------------------------------------------- */

static void start_settled(struct loop_timer *timer)
{
	struct containerd *e = timer->data;

	if (!containerd_connected(e))
		return;
	if (e->owned && !e->lazy && e->engine.host->first)
		leftovers_begin(&e->leftovers, e->rpc, e->namespace, e->engine.host);
}

static void connection_close(struct containerd *e)
{
	struct rpc *r = e->rpc;

	pulse_end(&e->pulse);
	leftovers_end(&e->leftovers);
	e->rpc = NULL;
	e->resting = false;
	if (e->lazy && e->open) {
		e->open = false;
		gate_lead(&e->gate, NULL);
	}
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
	leftovers_removed_clear(e->lazy ? e->places.root : TASKS_KEPT);
}

static void daemon_is_up(void *data)
{
	struct containerd *e = data;
	struct loop *loop = e->engine.host->loop;
	_cleanup_error_ struct error err = { 0 };

	if (e->rpc)
		return;
	e->rpc = rpc_connect(loop, e->own, connection_lost, e, &err);
	if (!e->rpc) {
		log_error("%s", error_text(&err));
		daemon_lost(e->daemon);
		return;
	}
	if (e->sweep)
		leftovers_begin(&e->leftovers, e->rpc, e->namespace, e->engine.host);
	tasks_resume(e);
	containerd_look(e);
	pulse_begin(&e->pulse, loop, e->rpc, daemon_patience(e->daemon));
	loop_timer_after(loop, &e->settle, SETTLE_US, NULL);
}

static void daemon_is_gone(void *data)
{
	struct containerd *e = data;

	e->engine.host->events->gone(&e->engine, e->engine.host->data);
}

/* --- containerd on demand --------------------------------------------------------------------------------------- */

static void leftovers_looked(void *data)
{
	containerd_look(data);
}

/* Events come to containerd over a socket of its own. Version 1 derives its name from that of the other, version 2 from
 * the configuration: one of both is the one that shims know. */
static void events_lead(struct containerd *e)
{
	if (access(e->places.ttrpc_behind, F_OK) == 0)
		gate_take_down(e->places.ttrpc_behind, e->places.ttrpc, NULL);
}

/* It serves, and has all services: whoever asks for it gets to it from here on. */
static void clients_let_in(struct containerd *e)
{
	_cleanup_error_ struct error err = { 0 };

	e->open = true;
	e->sweep = false;
	events_lead(e);
	gate_lead(&e->gate, e->own);
	if (e->idle)
		idle_begin(e); /* who comes and goes has to be known: the gate stays */
	else if (gate_take_down(e->own, e->socket, &err) < 0)
		log_warn("containerd: %s: its clients are led to it one by one", error_text(&err));
}

static void next_step(struct loop_timer *timer)
{
	struct containerd *e = timer->data;

	if (e->alone && e->called && tasks_are_settled(e)) {
		e->alone = e->called = false;
		daemon_wake(e->daemon);
	} else if (e->resting && !gate_is_quiet(&e->gate)) {
		e->resting = false;
		tasks_resume(e);
	} else if (e->resting && tasks_are_settled(e)) {
		connection_close(e);
		daemon_sleep(e->daemon);
	} else if (!e->alone && !e->open && containerd_connected(e) && tasks_are_recorded(e) &&
		   leftovers_idle(&e->leftovers)) {
		clients_let_in(e);
	}
}

static void client_called(void *data)
{
	struct containerd *e = data;

	if (!e->alone || e->called)
		return;
	log_info("containerd: somebody asks for it: starting it");
	e->called = true;
	tasks_break_off(e);
	containerd_look(e);
}

/* It has been stopped because nobody used it: the stand-in goes on. */
static void daemon_has_slept(void *data)
{
	struct containerd *e = data;

	log_info("containerd: nobody uses it: stopped");
	e->alone = true;
	tasks_resume(e);
	if (gate_has_callers(&e->gate))
		client_called(e);
}

static void clients_have_left(void *data)
{
	idle_begin(data);
}

/* Where there is no containerd nobody is told of events either. */
static int none_begin(struct containerd *e, const struct containerd_options *o, struct error *err)
{
	const char *runtime = o->runtime ? o->runtime : runtime_find(err);

	if (!runtime || lazy_none(&e->places, o->state, err) < 0)
		return -1;
	e->lazy = e->alone = true;
	e->stand_in = (struct stand_in){ .loop = e->engine.host->loop,
					 .reaper = e->engine.host->reaper,
					 .place = { .state = e->state, .root = e->places.root, .shim = e->places.shim },
					 .runtime = runtime,
					 .containerd = "",
					 .address = "",
					 .ttrpc = "" };
	return 0;
}

static int lazy_prepare(struct containerd *e, const struct containerd_options *o, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };

	if (!o->lazy || !o->program)
		return 0;
	if (lazy_look(&e->places, o->program, e->socket, o->settings, o->config, &why) < 0) {
		log_info("containerd is started at once: %s", error_text(&why));
		return 0;
	}
	if (dir_make(CONTAINERD_DIR, 0711, err) < 0)
		return -1;
	e->lazy = true;
	e->idle = o->idle;
	e->own = e->places.behind;
	e->stand_in = (struct stand_in){ .loop = e->engine.host->loop,
					 .reaper = e->engine.host->reaper,
					 .place = { .state = e->state, .root = e->places.root, .shim = e->places.shim },
					 .containerd = o->program,
					 .address = e->places.behind,
					 .ttrpc = e->places.ttrpc };
	return 0;
}

/* Whether it has been started before in this boot, and is there still, is known now. */
static int lazy_begin(struct containerd *e, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };

	if (!e->lazy || (!daemon_sleeps(e->daemon) && !e->idle))
		return 0;
	e->alone = daemon_sleeps(e->daemon);
	e->sweep = e->alone && daemon_is_new(e->daemon);
	if (gate_open(&e->gate, e->engine.host->loop, e->socket, &why) == 0)
		return 0;
	if (e->alone)
		return error_move(err, &why);
	log_warn("containerd stays, used or not: %s", error_text(&why));
	e->idle = 0;
	return 0;
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
	gate_close(&e->gate);
	if (e->daemon)
		daemon_stop(e->daemon);
	else
		daemon_is_gone(e);
}

static void containerd_free(struct engine *engine)
{
	struct containerd *e = (struct containerd *)engine;

	connection_close(e);
	loop_timer_disarm(&e->settle);
	loop_timer_disarm(&e->look);
	loop_timer_disarm(&e->unused);
	gate_close(&e->gate);
	daemon_free(e->daemon);
	lazy_clear(&e->places);
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

static int engine_begin(struct containerd *e, const struct containerd_options *o, struct error *err)
{
	const struct engine_host *host = e->engine.host;

	if (o->none)
		return none_begin(e, o, err);
	e->socket = strdup(o->socket);
	if (!e->socket)
		return error_set(err, ENOMEM, "%s", o->socket);
	e->own = e->engine.socket = e->socket;
	if (lazy_prepare(e, o, err) < 0)
		return -1;
	e->daemon = daemon_new(&(struct daemon_setup){ .loop = host->loop,
						       .reaper = host->reaper,
						       .program = o->program,
						       .socket = e->own,
						       .lazy = e->lazy,
						       .settings = o->settings,
						       .logs = host->logs,
						       .run_dir = host->run_dir,
						       .starting = daemon_is_starting,
						       .up = daemon_is_up,
						       .gone = daemon_is_gone,
						       .slept = daemon_has_slept,
						       .data = e },
			       err);
	return e->daemon ? lazy_begin(e, err) : -1;
}

struct engine *engine_containerd(const struct engine_host *host, const struct containerd_options *o, struct error *err)
{
	struct containerd *e = calloc(1, sizeof(*e));

	if (!e) {
		error_set(err, ENOMEM, "engine");
		return NULL;
	}
	*e = (struct containerd){ .engine = { .ops = &containerd_ops, .host = host },
				  .namespace = o->namespace,
				  .state = o->state,
				  .owned = o->program != NULL,
				  .pulse = { .silent = pulse_silent, .data = e },
				  .settle = { .fn = start_settled, .data = e },
				  .look = { .fn = next_step, .data = e },
				  .leftovers = { .looked = leftovers_looked, .data = e },
				  .unused = { .fn = idle_over, .data = e },
				  .gate = { .called = client_called, .left = clients_have_left, .data = e } };
	list_init(&e->tasks);
	if (engine_begin(e, o, err) == 0)
		return &e->engine;
	containerd_free(&e->engine);
	return NULL;
}
