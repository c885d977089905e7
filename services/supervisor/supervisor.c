#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "control.h"
#include "io.h"
#include "log.h"
#include "logfile.h"
#include "reaper.h"
#include "table.h"

struct supervisor {
	struct loop *loop;
	struct reaper reaper;
	struct engine_host host;
	struct table table;
	struct control *control;
	char *logs;                 /* directory of the log files */
	bool engine_ending;         /* all services have stopped, the engines have been told */
	struct loop_timer patience; /* while the services stop: to say which ones are waited for */
};

enum { SAY_FIRST_US = 2 * 1000 * 1000, SAY_AGAIN_US = 10 * 1000 * 1000 };

/* --- what happens ----------------------------------------------------------------------------------------------- */

static void services_stop(struct supervisor *v)
{
	if (!table_stop(&v->table) || v->engine_ending)
		return;
	v->engine_ending = true;
	for (struct engine *e = v->table.engines; e; e = e->next)
		e->ops->shutdown(e);
}

static void service_changed(struct service *s, void *data)
{
	struct supervisor *v = data;

	control_changed(v->control, s);
	if (v->host.stopping) {
		services_stop(v);
		return;
	}
	for (size_t i = 0; i < v->table.count; i++)
		service_consider(v->table.services[i]);
}

static bool service_may_start(const struct service *s, void *data)
{
	const struct supervisor *v = data;

	return table_may_start(&v->table, s);
}

static void engine_gone(struct engine *e, void *data)
{
	struct supervisor *v = data;

	e->gone = true;
	for (const struct engine *other = v->table.engines; other; other = other->next)
		if (!other->gone)
			return;
	loop_quit(v->loop, 0);
}

static bool service_is_known(const char *name, void *data)
{
	const struct supervisor *v = data;

	return table_find(&v->table, name) != NULL;
}

/* Nobody who shuts a machine down should have to guess. */
static void patience_ended(struct loop_timer *timer)
{
	struct supervisor *v = timer->data;

	for (size_t i = 0; i < v->table.count; i++) {
		const struct service *s = v->table.services[i];

		if (s->state == SERVICE_STOPPING)
			log_warn("waiting for %s to end: it is killed %.1f s after its stop signal", s->name,
				 (double)s->policy.stop_us / 1e6);
	}
	if (!v->engine_ending)
		loop_timer_after(v->loop, timer, SAY_AGAIN_US, NULL);
}

static const struct engine_events engine_events = {
	.started = service_started,
	.start_failed = service_start_failed,
	.ending = service_ending,
	.exited = service_exited,
	.removed = service_removed,
	.gone = engine_gone,
	.is_known = service_is_known,
};

static void signal_came(void *data, int signo)
{
	struct supervisor *v = data;

	if (signo == SIGCHLD) {
		reaper_run(&v->reaper);
		return;
	}
	if ((signo != SIGTERM && signo != SIGINT) || v->host.stopping)
		return;
	log_info("stopping all services");
	v->host.stopping = true;
	v->patience = (struct loop_timer){ .fn = patience_ended, .data = v };
	loop_timer_after(v->loop, &v->patience, SAY_FIRST_US, NULL);
	services_stop(v);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static int signals_watch(struct supervisor *v, struct error *err)
{
	sigset_t set;

	loop_signals_fill(&set);
	signal(SIGPIPE, SIG_IGN);
	return loop_signals(v->loop, &set, signal_came, v, err);
}

static int supervisor_begin(struct supervisor *v, const struct supervisor_options *o, struct error *err)
{
	bool first = access(SUPERVISOR_RUN_DIR, F_OK) < 0;

	v->loop = loop_new(err);
	if (!v->loop || signals_watch(v, err) < 0)
		return -1;
	reaper_init(&v->reaper, v->loop);
	if (dir_make(SUPERVISOR_RUN_DIR, 0755, err) < 0)
		return -1;
	v->logs = logfile_dir(SUPERVISOR_LOG_DIR, SUPERVISOR_LOG_RECORD, first);
	if (!v->logs)
		return error_set(err, ENOMEM, SUPERVISOR_LOG_DIR);
	v->host = (struct engine_host){ .loop = v->loop,
					.reaper = &v->reaper,
					.events = &engine_events,
					.data = v,
					.run_dir = SUPERVISOR_RUN_DIR,
					.logs = v->logs,
					.first = first };
	v->table = (struct table){
		.options = o,
		.site = { .host = &v->host, .changed = service_changed, .may_start = service_may_start, .data = v }
	};
	v->control = control_new(&v->table, SUPERVISOR_SOCKET, err);
	if (!v->control || table_load(&v->table, err) < 0)
		return -1;
	table_start(&v->table);
	return 0;
}

static void supervisor_end(struct supervisor *v)
{
	loop_timer_disarm(&v->patience);
	table_clear(&v->table);
	control_free(v->control);
	reaper_free(&v->reaper);
	free(v->logs);
	loop_free(v->loop);
}

int supervisor_run(const struct supervisor_options *o, struct error *err)
{
	struct supervisor v = { 0 };
	int r;

	/* Shims are left to us by their `start`. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "become subreaper");
	r = supervisor_begin(&v, o, err);
	if (r == 0)
		r = loop_run(v.loop, err);
	supervisor_end(&v);
	return r;
}
