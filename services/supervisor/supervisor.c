#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "io.h"
#include "log.h"
#include "logfile.h"
#include "str.h"

enum {
	STARTING_MOST = 8, /* at a time: each costs a runtime's memory */
	SWEEP_US = 20 * 1000,
};

/* --- the table -------------------------------------------------------------------------------------------- */

struct service *supervisor_find(struct supervisor *v, const char *name)
{
	size_t i;

	for (i = 0; i < v->count; i++)
		if (str_eq(v->services[i]->name, name))
			return v->services[i];
	return NULL;
}

static struct service *service_add(struct supervisor *v, const char *dir, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);
	struct service **grown = reallocarray(v->services, v->count + 1, sizeof(struct service *));
	struct service *s;

	if (grown)
		v->services = grown;
	s = path && grown ? service_new(v, name, path, err) : NULL;
	if (s) {
		s->elsewhere = !str_eq(dir, v->path);
		v->services[v->count++] = s;
	} else if (!path || !grown) {
		error_set(err, ENOMEM, "%s", name);
	}
	return s;
}

struct service *supervisor_take(struct supervisor *v, const char *name, const char *dir, struct error *err)
{
	struct service *s = supervisor_find(v, name);
	_cleanup_free_ char *path = NULL;

	if (s)
		return s;
	dir = dir ? dir : v->path;
	path = name[0] != '.' && !strchr(name, '/') ? str_format("%s/%s/config.json", dir, name) : NULL;
	if (!path || access(path, F_OK) < 0) {
		error_set(err, 0, "no service '%s' in %s", name, dir);
		return NULL;
	}
	s = service_add(v, dir, name, err);
	return s && s->broken ? NULL : s;
}

static int services_load(struct supervisor *v, struct error *err)
{
	_cleanup_error_ struct error missing = { 0 };
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, v->path, false, &missing);
	char **name;

	if (!names && missing.code != ENOENT)
		return error_move(err, &missing);
	for (name = names; name && *name; name++) {
		_cleanup_error_ struct error why = { 0 };
		struct service *s = service_add(v, v->path, *name, &why);

		if (!s)
			return error_move(err, &why);
		if (s->state == SERVICE_FAILED)
			log_error("%s: %s", s->name, error_text(&why));
	}
	return 0;
}

/* The builder refuses a circle; in an image that was not built by it, its order is given up. */
static void order_check(struct supervisor *v)
{
	struct policy_node *nodes = calloc(v->count + 1, sizeof(*nodes));
	_cleanup_error_ struct error err = { 0 };
	size_t i;

	for (i = 0; nodes && i < v->count; i++)
		nodes[i] = (struct policy_node){ v->services[i]->name, v->services[i]->policy.after };
	if (nodes && policy_order(nodes, v->count, NULL, &err) < 0) {
		log_error("org.pith.after: %s; starting all services without order", error_text(&err));
		for (i = 0; i < v->count; i++) {
			strv_free(v->services[i]->policy.after);
			v->services[i]->policy.after = NULL;
		}
	}
	free(nodes);
}

/* --- other containerds ---------------------------------------------------------------------------------------- */

static struct engine *engine_for(struct supervisor *v, const char *socket, struct error *err)
{
	struct containerd_options o = v->options->containerd;
	struct engine *e, **end = &v->engine;

	for (e = v->engine; e; end = &e->next, e = e->next)
		if (e->socket && str_eq(e->socket, socket))
			return e;
	o.program = NULL;
	o.socket = socket;
	e = *end = engine_containerd(v, &o, err);
	return e;
}

int supervisor_use(struct supervisor *v, struct service *s, const char *socket, struct error *err)
{
	struct engine *e = s->engine;

	if (e->socket && str_eq(e->socket, socket))
		return 0;
	if (s->state != SERVICE_STOPPED)
		return error_set(err, 0, "%s runs through %s; stop it first", s->name,
				 e->socket ? e->socket : "the runtime alone");
	e = engine_for(v, socket, err);
	if (!e)
		return -1;
	if (s->task)
		s->engine->ops->detach(s->engine, s);
	s->engine = e;
	return 0;
}

/* --- what the supervisor before this one left --------------------------------------------------------------- */

static int saved_read(const char *name, struct saved *m, struct error *err)
{
	_cleanup_free_ char *path = str_format(SUPERVISOR_RUN_DIR "/%s/state", name);
	_cleanup_buf_ struct buf text = { 0 };

	if (!path || file_read(path, 65536, &text, err) < 0)
		return -1;
	return saved_parse(buf_text(&text), text.len, m, err);
}

static void resume_or_start(struct supervisor *v, struct service *s)
{
	_cleanup_saved_ struct saved m = { 0 };
	_cleanup_error_ struct error err = { 0 };

	if (v->first || saved_read(s->name, &m, &err) < 0) {
		if (err.code && err.code != ENOENT)
			log_warn("%s: %s", s->name, error_text(&err));
		service_start(s);
		return;
	}
	if (m.socket && supervisor_use(v, s, m.socket, &err) < 0)
		log_warn("%s: %s", s->name, error_text(&err));
	service_resume(s, &m);
}

/* Those that `service start --path` has brought from elsewhere. */
static void strangers_load(struct supervisor *v)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, SUPERVISOR_RUN_DIR, false, NULL);
	char **name;

	for (name = names; name && *name; name++) {
		_cleanup_saved_ struct saved m = { 0 };
		_cleanup_error_ struct error err = { 0 };

		if (!supervisor_find(v, *name) && saved_read(*name, &m, NULL) == 0 && m.dir &&
		    !supervisor_take(v, *name, m.dir, &err))
			log_warn("%s", error_text(&err));
	}
}

/* --- order ---------------------------------------------------------------------------------------------------- */

bool supervisor_may_start(struct supervisor *v, const struct service *s)
{
	char *const *name;

	if (v->stopping || v->starting >= STARTING_MOST)
		return false;
	for (name = s->policy.after; name && *name; name++) {
		struct service *other = supervisor_find(v, *name);

		/* One that ended as it should has done what was waited for. */
		if (other && !service_is_ready(other) && other->state != SERVICE_ENDED)
			return false;
	}
	return true;
}

static bool needed_by_another(struct supervisor *v, const struct service *s)
{
	size_t i;

	for (i = 0; i < v->count; i++)
		if (service_has_process(v->services[i]) && strv_has(v->services[i]->policy.after, s->name))
			return true;
	return false;
}

/* From the end of the order to its beginning: each stops when all that are after it have. */
static void stop_next(struct supervisor *v)
{
	bool busy = false;
	struct engine *e;
	size_t i;

	for (i = v->count; i-- > 0;) {
		struct service *s = v->services[i];

		if (s->state != SERVICE_STOPPED && s->state != SERVICE_STOPPING && !needed_by_another(v, s))
			service_stop(s);
		busy |= s->state != SERVICE_STOPPED;
	}
	if (busy || v->engine_ending)
		return;
	v->engine_ending = true;
	for (e = v->engine; e; e = e->next)
		e->ops->shutdown(e);
}

void supervisor_changed(struct supervisor *v, struct service *s)
{
	size_t i;

	control_changed(v->control, s);
	if (v->stopping) {
		stop_next(v);
		return;
	}
	for (i = 0; i < v->count; i++)
		service_consider(v->services[i]);
}

void engine_gone(struct engine *e)
{
	struct supervisor *v = e->supervisor;
	const struct engine *other;

	e->gone = true;
	for (other = v->engine; other; other = other->next)
		if (!other->gone)
			return;
	loop_quit(v->loop, 0);
}

/* --- signals and orphans ------------------------------------------------------------------------------------------ */

/* Children that are watched by their pidfd are reaped there. What is left are orphans of containers that share our
 * PID namespace: the kernel gives them to us. A watched one at the head of the queue hides those behind it for the
 * moment. */
static void sweep(struct loop_timer *timer)
{
	struct supervisor *v = timer->data;
	siginfo_t info = { 0 };

	/* The runtime leaves us a first process before we know its number. */
	if (v->starting > 0) {
		loop_timer_after(v->loop, &v->sweep, SWEEP_US, NULL);
		return;
	}
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
		if (loop_child_watched(v->loop, info.si_pid)) {
			loop_timer_after(v->loop, &v->sweep, SWEEP_US, NULL);
			return;
		}
		waitpid(info.si_pid, NULL, WNOHANG);
		info.si_pid = 0;
	}
}

static void on_signal(void *data, int signo)
{
	struct supervisor *v = data;

	if (signo == SIGCHLD) {
		if (!loop_timer_armed(&v->sweep))
			loop_timer_after(v->loop, &v->sweep, SWEEP_US, NULL);
		return;
	}
	if ((signo != SIGTERM && signo != SIGINT) || v->stopping)
		return;
	log_info("stopping all services");
	v->stopping = true;
	stop_next(v);
}

static int signals_watch(struct supervisor *v, struct error *err)
{
	sigset_t set;

	loop_signals_fill(&set);
	signal(SIGPIPE, SIG_IGN);
	return loop_signals(v->loop, &set, on_signal, v, err);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static int supervisor_begin(struct supervisor *v, const struct supervisor_options *o, struct error *err)
{
	size_t i;

	v->loop = loop_new(err);
	if (!v->loop || signals_watch(v, err) < 0)
		return -1;
	v->first = access(SUPERVISOR_RUN_DIR, F_OK) < 0;
	if (dir_make(SUPERVISOR_RUN_DIR, 0755, err) < 0)
		return -1;
	v->logs = logfile_dir(SUPERVISOR_LOG_DIR, SUPERVISOR_LOG_RECORD, v->first);
	if (!v->logs)
		return error_set(err, ENOMEM, SUPERVISOR_LOG_DIR);
	v->control = control_new(v, SUPERVISOR_SOCKET, err);
	if (!v->control)
		return -1;
	/* containerd takes longest: it starts while the rest is read. */
	v->engine = access(o->containerd.program, X_OK) == 0 ? engine_containerd(v, &o->containerd, err)
							     : engine_direct(v, o->runtime, NULL, err);
	if (!v->engine || services_load(v, err) < 0)
		return -1;
	if (!v->first)
		strangers_load(v);
	order_check(v);
	for (i = 0; i < v->count; i++)
		if (v->services[i]->state != SERVICE_FAILED)
			resume_or_start(v, v->services[i]);
	return 0;
}

static void supervisor_end(struct supervisor *v)
{
	struct engine *e;
	size_t i;

	for (i = 0; i < v->count; i++)
		service_free(v->services[i]);
	free(v->services);
	while ((e = v->engine)) {
		v->engine = e->next;
		e->ops->free(e);
	}
	control_free(v->control);
	free(v->logs);
	loop_free(v->loop);
}

int supervisor_run(const struct supervisor_options *o, struct error *err)
{
	struct supervisor v = { .options = o, .path = o->path, .sweep = { .fn = sweep, .data = &v } };
	int r;

	/* Containers' first processes are left to us by the runtime. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "become subreaper");
	r = supervisor_begin(&v, o, err);
	if (r == 0)
		r = loop_run(v.loop, err);
	supervisor_end(&v);
	return r;
}
