#include "annotations.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

/* NULL, or what would be right. */
typedef const char *check_fn(const char *value);

static const char *one_of(const char *value, const char *const *words, const char *wanted)
{
	for (; *words; words++)
		if (str_eq(*words, value))
			return NULL;
	return wanted;
}

static const char *check_onfail(const char *value)
{
	static const char *const words[] = { "continue", "halt", "poweroff", "reboot", NULL };

	return one_of(value, words, "continue, halt, poweroff or reboot");
}

static const char *check_restart(const char *value)
{
	static const char *const words[] = { "no", "on-failure", "always", NULL };

	return one_of(value, words, "no, on-failure or always");
}

static const char *check_ready(const char *value)
{
	static const char *const kinds[] = { "exec:", "unix:/", "tcp:", "log:" };
	uint64_t port;
	size_t i;

	if (str_starts(value, "tcp:")) {
		const char *number = strrchr(value, ':') + 1;

		return str_to_u64(number, 65535, &port) == 0 && port ? NULL : "tcp:PORT or tcp:ADDRESS:PORT";
	}
	for (i = 0; i < array_len(kinds); i++)
		if (str_starts(value, kinds[i]) && strlen(value) > strlen(kinds[i]))
			return NULL;
	return "exec:COMMAND, unix:/PATH, tcp:PORT or log:TEXT";
}

/* A number of seconds; "s", "ms" or "m" may follow. */
static const char *check_duration(const char *value)
{
	static const char *const units[] = { "", "s", "ms", "m" };
	size_t digits = strspn(value, "0123456789"), i;

	for (i = 0; digits && digits < 8 && i < array_len(units); i++)
		if (str_eq(value + digits, units[i]))
			return NULL;
	return "a duration: 10, 10s, 500ms or 2m";
}

static const char *check_signal(const char *value)
{
	static const char *const names[] = { "HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "ALRM", "TERM", "WINCH" };
	const char *name = str_starts(value, "SIG") ? value + 3 : value;
	uint64_t number;
	size_t i;

	if (str_to_u64(value, 64, &number) == 0)
		return number ? NULL : "a signal";
	for (i = 0; i < array_len(names); i++)
		if (str_eq(names[i], name))
			return NULL;
	return str_starts(name, "RTMIN") || str_starts(name, "RTMAX") ? NULL : "a signal, such as TERM or SIGINT";
}

static const char *check_names(const char *value)
{
	return value[strspn(value, ", ")] ? NULL : "names of services, with commas between";
}

static const struct annotation {
	const char *name;
	check_fn *check;
	unsigned sections; /* where it means something: bits by enum section */
} known[] = {
	{ "org.pith.onfail", check_onfail, 1 << SECTION_ONBOOT | 1 << SECTION_ONSHUTDOWN },
	{ "org.pith.restart", check_restart, 1 << SECTION_SERVICES },
	{ "org.pith.after", check_names, 1 << SECTION_SERVICES },
	{ "org.pith.ready", check_ready, 1 << SECTION_SERVICES },
	{ "org.pith.ready-timeout", check_duration, 1 << SECTION_SERVICES },
	{ "org.pith.stop-timeout", check_duration, 1 << SECTION_SERVICES },
	{ "org.pith.stop-signal", check_signal, 1 << SECTION_SERVICES },
};

static const char *known_name(size_t i, const void *data)
{
	(void)data;
	return i < array_len(known) ? known[i].name : NULL;
}

static void check_one(struct config *c, enum section s, const struct node *key, const struct node *value,
		      const struct where *where)
{
	struct where annotations = { .up = where, .key = "annotations" };
	const char *wanted;
	size_t i;

	if (!str_starts(key->text, "org.pith."))
		return;
	for (i = 0; i < array_len(known); i++)
		if (str_eq(known[i].name, key->text))
			break;
	if (i == array_len(known)) {
		diag_warning(&c->diags, key->at, &annotations, "nothing known reads \"%s\"", key->text);
		diag_suggest(&c->diags, key->text, known_name, NULL);
		return;
	}
	wanted = known[i].check(value->text);
	if (wanted) {
		diag_error(&c->diags, value->at, &annotations, "%s cannot be \"%s\"", key->text, value->text);
		diag_hint(&c->diags, "it takes %s", wanted);
	} else if (!(known[i].sections & 1u << s)) {
		diag_warning(&c->diags, key->at, &annotations, "%s has no effect in %s", key->text, section_names[s]);
	}
}

/* --- org.pith.after ------------------------------------------------------------------------------------------ */

enum visit { UNSEEN, OPEN, DONE };

struct order {
	struct config *c;
	const struct entries *services;
	enum visit *visits;
	size_t *path; /* the services that are open, in order */
	size_t depth;
};

static const struct node *after_of(const struct node *service)
{
	const struct node *all = node_field(service, CONTAINER_ANNOTATIONS);

	return all ? node_get(all, "org.pith.after") : NULL;
}

static ssize_t find_service(const struct order *o, const char *name)
{
	size_t i;

	for (i = 0; i < o->services->count; i++)
		if (str_eq(node_text(o->services->list[i].node, CONTAINER_NAME), name))
			return (ssize_t)i;
	return -1;
}

static const char *service_name(size_t i, const void *data)
{
	const struct entries *services = data;

	return i < services->count ? node_text(services->list[i].node, CONTAINER_NAME) : NULL;
}

static void report_circle(struct order *o, size_t start, const struct node *after, const struct where *where)
{
	_cleanup_buf_ struct buf text = { 0 };
	size_t i;

	for (i = 0; i < o->depth && o->path[i] != start; i++)
		;
	for (; i < o->depth; i++)
		buf_addf(&text, "%s after ", node_text(o->services->list[o->path[i]].node, CONTAINER_NAME));
	buf_addstr(&text, node_text(o->services->list[start].node, CONTAINER_NAME));
	diag_error(&o->c->diags, after->at, where, "org.pith.after makes a circle: %s", buf_text(&text));
}

/* Depth first; recursion is as deep as there are services in a chain, which the size of a file bounds: an explicit
 * stack would say less clearly what this is. */
static void visit(struct order *o, size_t i)
{
	const struct entry *e = &o->services->list[i];
	const struct node *after = after_of(e->node);
	_cleanup_strv_ char **names = after ? strv_split(after->text, ", ") : NULL;
	struct where where[2];
	char **name;

	where_entry(where, section_names[SECTION_SERVICES], e);
	o->visits[i] = OPEN;
	o->path[o->depth++] = i;
	for (name = names; name && *name; name++) {
		ssize_t next = find_service(o, *name);

		if (next < 0) {
			diag_error(&o->c->diags, after->at, &where[1], "org.pith.after names \"%s\", which is no service",
				   *name);
			diag_suggest(&o->c->diags, *name, service_name, o->services);
		} else if (o->visits[next] == OPEN) {
			report_circle(o, (size_t)next, after, &where[1]);
		} else if (o->visits[next] == UNSEEN) {
			visit(o, (size_t)next);
		}
	}
	o->depth--;
	o->visits[i] = DONE;
}

enum { SERVICES_MAX = 10000 };

static void check_order(struct config *c)
{
	struct order o = { .c = c, .services = &c->sections[SECTION_SERVICES] };
	size_t n = o.services->count, i;
	_cleanup_free_ enum visit *visits = NULL;
	_cleanup_free_ size_t *path = NULL;

	if (n > SERVICES_MAX) {
		diag_error(&c->diags, (struct position){ 0 }, NULL, "more than %d services", SERVICES_MAX);
		return;
	}
	o.visits = visits = calloc(n + 1, sizeof *visits);
	o.path = path = calloc(n + 1, sizeof *path);
	if (!visits || !path) {
		diag_error(&c->diags, (struct position){ 0 }, NULL, "no memory");
		return;
	}
	for (i = 0; i < n; i++)
		if (visits[i] == UNSEEN)
			visit(&o, i);
}

void annotations_check(struct config *c)
{
	size_t s, i, k;

	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			const struct entry *e = &c->sections[s].list[i];
			const struct node *all = node_field(e->node, CONTAINER_ANNOTATIONS);
			struct where where[2];

			where_entry(where, section_names[s], e);
			for (k = 0; all && k < all->count; k++)
				check_one(c, (enum section)s, all->items[2 * k], all->items[2 * k + 1], &where[1]);
		}
	}
	check_order(c);
}
