#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "containerd.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "supervisor.h"

enum { STARTING_MOST = 8 }; /* at a time: each costs a runtime's memory */

/* --- services ------------------------------------------------------------------------------------------------- */

struct service *table_find(const struct table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (str_eq(t->services[i]->name, name))
			return t->services[i];
	return NULL;
}

static struct service *service_add(struct table *t, const char *dir, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);
	struct service **grown = reallocarray(t->services, t->count + 1, sizeof(struct service *));
	struct service *s;

	if (grown)
		t->services = grown;
	s = path && grown ? service_new(&t->site, name, path, err) : NULL;
	if (s) {
		s->elsewhere = !str_eq(dir, t->options->path);
		t->services[t->count++] = s;
	} else if (!path || !grown) {
		error_set(err, ENOMEM, "%s", name);
	}
	return s;
}

struct service *table_take(struct table *t, const char *name, const char *dir, struct error *err)
{
	struct service *s = table_find(t, name);
	_cleanup_free_ char *path = NULL;

	if (s)
		return s;
	dir = dir ? dir : t->options->path;
	path = name[0] != '.' && !strchr(name, '/') ? str_format("%s/%s/config.json", dir, name) : NULL;
	if (!path || access(path, F_OK) < 0) {
		error_set(err, 0, "no service '%s' in %s", name, dir);
		return NULL;
	}
	s = service_add(t, dir, name, err);
	return s && s->broken ? NULL : s;
}

static int services_load(struct table *t, struct error *err)
{
	_cleanup_error_ struct error missing = { 0 };
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, t->options->path, false, &missing);
	char **name;

	if (!names && missing.code != ENOENT)
		return error_move(err, &missing);
	for (name = names; name && *name; name++) {
		_cleanup_error_ struct error why = { 0 };
		struct service *s = service_add(t, t->options->path, *name, &why);

		if (!s)
			return error_move(err, &why);
		if (s->state == SERVICE_FAILED)
			log_error("%s: %s", s->name, error_text(&why));
	}
	return 0;
}

/* The builder refuses a circle; in an image that was not built by it, its order is given up. */
static void order_check(struct table *t)
{
	struct policy_node *nodes = calloc(t->count + 1, sizeof(*nodes));
	_cleanup_error_ struct error err = { 0 };
	size_t i;

	for (i = 0; nodes && i < t->count; i++)
		nodes[i] = (struct policy_node){ t->services[i]->name, t->services[i]->policy.after };
	if (nodes && policy_order(nodes, t->count, NULL, &err) < 0) {
		log_error("org.pith.after: %s; starting all services without order", error_text(&err));
		for (i = 0; i < t->count; i++) {
			strv_free(t->services[i]->policy.after);
			t->services[i]->policy.after = NULL;
		}
	}
	free(nodes);
}

/* --- engines -------------------------------------------------------------------------------------------------- */

/* program: the image's own containerd, which may not be there; NULL: somebody else keeps one running. */
static struct engine *engine_new(const struct table *t, const char *program, const char *socket, struct error *err)
{
	const struct containerd_options o = {
		.none = program && access(program, X_OK) < 0,
		.runtime = t->options->runtime,
		.program = program,
		.lazy = t->options->lazy,
		.idle = t->options->idle * 1000 * 1000,
		.socket = socket,
		.namespace = t->options->namespace,
		.settings = "/etc/containerd/runtime-config.toml",
		.config = "/etc/containerd/config.toml",
		.state = "/run/containerd/io.containerd.runtime.v2.task",
	};

	return engine_containerd(t->site.host, &o, err);
}

static struct engine *engine_for(struct table *t, const char *socket, struct error *err)
{
	struct engine *e, **end = &t->engines;

	for (e = t->engines; e; end = &e->next, e = e->next)
		if (e->socket && str_eq(e->socket, socket))
			return e;
	return *end = engine_new(t, NULL, socket, err);
}

int table_use(struct table *t, struct service *s, const char *socket, struct error *err)
{
	struct engine *e = s->engine;

	if (e->socket && str_eq(e->socket, socket))
		return 0;
	if (s->state != SERVICE_STOPPED)
		return error_set(err, 0, "%s runs through %s; stop it first", s->name,
				 e->socket ? e->socket : "no containerd");
	e = engine_for(t, socket, err);
	if (!e)
		return -1;
	if (s->container.task)
		s->engine->ops->detach(s->engine, &s->container);
	s->engine = e;
	return 0;
}

/* --- what the supervisor before this one left --------------------------------------------------------------- */

static int saved_read(const struct table *t, const char *name, struct saved *m, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s/state", t->site.host->run_dir, name);
	_cleanup_buf_ struct buf text = { 0 };

	if (!path || file_read(path, 65536, &text, err) < 0)
		return -1;
	return saved_parse(buf_text(&text), text.len, m, err);
}

static void resume_or_start(struct table *t, struct service *s)
{
	_cleanup_saved_ struct saved m = { 0 };
	_cleanup_error_ struct error err = { 0 };

	if (t->site.host->first || saved_read(t, s->name, &m, &err) < 0) {
		if (err.code && err.code != ENOENT)
			log_warn("%s: %s", s->name, error_text(&err));
		service_start(s);
		return;
	}
	if (m.socket && table_use(t, s, m.socket, &err) < 0)
		log_warn("%s: %s", s->name, error_text(&err));
	service_resume(s, &m);
}

/* What the supervisor before this one was writing when it was killed. */
static void unwritten_remove(const struct table *t)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, t->site.host->run_dir, false, NULL);
	char **name;

	dir_sweep(t->site.host->run_dir);
	for (name = names; name && *name; name++) {
		_cleanup_free_ char *dir = str_format("%s/%s", t->site.host->run_dir, *name);

		if (dir)
			dir_sweep(dir);
	}
}

/* Those that `service start --path` has brought from elsewhere. */
static void strangers_load(struct table *t)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, t->site.host->run_dir, false, NULL);
	char **name;

	for (name = names; name && *name; name++) {
		_cleanup_saved_ struct saved m = { 0 };
		_cleanup_error_ struct error err = { 0 };

		if (!table_find(t, *name) && saved_read(t, *name, &m, NULL) == 0 && m.dir &&
		    !table_take(t, *name, m.dir, &err))
			log_warn("%s", error_text(&err));
	}
}

/* --- order ---------------------------------------------------------------------------------------------------- */

bool table_may_start(const struct table *t, const struct service *s)
{
	char *const *name;

	if (t->site.host->stopping || t->site.starting >= STARTING_MOST)
		return false;
	for (name = s->policy.after; name && *name; name++) {
		struct service *other = table_find(t, *name);

		/* One that ended as it should has done what was waited for. */
		if (other && !service_is_ready(other) && other->state != SERVICE_ENDED)
			return false;
	}
	return true;
}

static bool needed_by_another(const struct table *t, const struct service *s)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (service_has_process(t->services[i]) && strv_has(t->services[i]->policy.after, s->name))
			return true;
	return false;
}

bool table_stop(struct table *t)
{
	bool busy = false;

	for (size_t i = t->count; i-- > 0;) {
		struct service *s = t->services[i];

		if (s->state != SERVICE_STOPPED && s->state != SERVICE_STOPPING && !needed_by_another(t, s))
			service_stop(s);
		busy |= s->state != SERVICE_STOPPED;
	}
	return !busy;
}

/* --- life ----------------------------------------------------------------------------------------------------- */

int table_load(struct table *t, struct error *err)
{
	const struct supervisor_options *o = t->options;

	/* containerd takes longest: it starts while the rest is read. */
	t->engines = engine_new(t, o->containerd, o->socket, err);
	t->site.engine = t->engines;
	if (!t->engines || services_load(t, err) < 0)
		return -1;
	if (!t->site.host->first) {
		unwritten_remove(t);
		strangers_load(t);
	}
	order_check(t);
	return 0;
}

void table_start(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->services[i]->state != SERVICE_FAILED)
			resume_or_start(t, t->services[i]);
}

void table_clear(struct table *t)
{
	struct engine *e;

	for (size_t i = 0; i < t->count; i++)
		service_free(t->services[i]);
	free(t->services);
	while ((e = t->engines)) {
		t->engines = e->next;
		e->ops->free(e);
	}
}
