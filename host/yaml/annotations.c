#include "annotations.h"

#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "str.h"

static const struct annotation {
	const char *name;
	unsigned sections; /* where it means something: bits by enum section */
} known[] = {
	{ "org.pith.onfail", 1 << SECTION_ONBOOT | 1 << SECTION_ONSHUTDOWN },
	{ "org.pith.restart", 1 << SECTION_SERVICES },
	{ "org.pith.after", 1 << SECTION_SERVICES },
	{ "org.pith.ready", 1 << SECTION_SERVICES },
	{ "org.pith.ready-timeout", 1 << SECTION_SERVICES },
	{ "org.pith.stop-timeout", 1 << SECTION_SERVICES },
	{ "org.pith.stop-signal", 1 << SECTION_SERVICES },
};

static int onfail_check(const char *value, struct error *err)
{
	static const char *const words[] = { "continue", "halt", "poweroff", "reboot" };
	size_t i;

	for (i = 0; i < array_len(words); i++)
		if (str_eq(words[i], value))
			return 0;
	return error_set(err, 0, "'%s' is none of continue, halt, poweroff, reboot", value);
}

static const char *known_name(size_t i, const void *data)
{
	(void)data;
	return i < array_len(known) ? known[i].name : NULL;
}

static void check_one(struct config *c, enum section s, const struct node *key, const struct node *value,
		      const struct where *where)
{
	struct where annotations = { .up = where, .key = "annotations" };
	_cleanup_error_ struct error err = { 0 };
	size_t i;
	int r;

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
	r = str_eq(key->text, "org.pith.onfail") ? onfail_check(value->text, &err)
						 : policy_check(key->text, value->text, &err);
	if (r < 0)
		diag_error(&c->diags, value->at, &annotations, "%s: %s", key->text, error_text(&err));
	else if (!(known[i].sections & 1u << s))
		diag_warning(&c->diags, key->at, &annotations, "%s has no effect in %s", key->text, section_names[s]);
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
	_cleanup_strv_ char **names = after ? strv_split(after->text, ", \t") : NULL;
	struct where where[2];
	char **name;

	where_entry(where, section_names[SECTION_SERVICES], e);
	o->visits[i] = OPEN;
	o->path[o->depth++] = i;
	for (name = names; name && *name; name++) {
		ssize_t next = find_service(o, *name);

		if (next < 0) {
			diag_error(&o->c->diags, after->at, &where[1],
				   "org.pith.after names \"%s\", which is no service", *name);
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
