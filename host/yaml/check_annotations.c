/* The annotations of containers, which the guest's programs read: checked when the image is built. */
#include "check_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "str.h"

/* The builder's own: nothing in the guest reads it. */
static const char user_annotation[] = "org.pith.user";

static const struct annotation {
	const char *name;
	unsigned sections; /* where it means something: bits by enum section */
} known[] = {
	{ "org.pith.onfail", 1 << SECTION_ONBOOT | 1 << SECTION_ONSHUTDOWN },
	{ "org.pith.vsock.ports", 1 << SECTION_ONBOOT | 1 << SECTION_ONSHUTDOWN | 1 << SECTION_SERVICES },
	{ "org.pith.upper", 1 << SECTION_ONBOOT | 1 << SECTION_ONSHUTDOWN | 1 << SECTION_SERVICES },
	{ "org.pith.volumes", 1 << SECTION_ONBOOT },
	{ "org.pith.restart", 1 << SECTION_SERVICES },
	{ "org.pith.after", 1 << SECTION_SERVICES },
	{ "org.pith.ready", 1 << SECTION_SERVICES },
	{ "org.pith.ready-timeout", 1 << SECTION_SERVICES },
	{ "org.pith.stop-timeout", 1 << SECTION_SERVICES },
	{ "org.pith.stop-signal", 1 << SECTION_SERVICES },
	{ user_annotation, 1 << SECTION_ONBOOT | 1 << SECTION_ONSHUTDOWN | 1 << SECTION_SERVICES },
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
	_cleanup_policy_ struct policy policy = { 0 };
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
	if (str_eq(key->text, user_annotation)) {
		if (!str_eq(value->text, "image"))
			diag_error(&c->diags, value->at, &annotations, "%s: \"%s\" is not \"image\"", key->text,
				   value->text);
		return;
	}
	r = policy_set(&policy, key->text, value->text, &err);
	if (r < 0)
		diag_error(&c->diags, value->at, &annotations, "%s: %s", key->text, error_text(&err));
	else if (!(known[i].sections & 1u << s))
		diag_warning(&c->diags, key->at, &annotations, "%s has no effect in %s", key->text, section_names[s]);
}

static const struct node *after_of(const struct entry *service)
{
	const struct node *all = node_field(service->node, CONTAINER_ANNOTATIONS);

	return all ? node_get(all, "org.pith.after") : NULL;
}

static const char *service_name(size_t i, const void *data)
{
	const struct entries *services = data;

	return i < services->count ? node_text(services->list[i].node, CONTAINER_NAME) : NULL;
}

static bool is_service(const struct entries *services, const char *name)
{
	size_t i;

	for (i = 0; i < services->count; i++)
		if (str_eq(service_name(i, services), name))
			return true;
	return false;
}

/* What the service is after, with a word about names that no service has. */
static void find_after(struct config *c, const struct entry *e, struct policy *out)
{
	const struct entries *services = &c->sections[SECTION_SERVICES];
	const struct node *after = after_of(e);
	struct where where[2];
	char **name;

	if (!after || policy_set(out, "org.pith.after", after->text, NULL) < 0)
		return; /* reported */
	where_entry(where, section_names[SECTION_SERVICES], e);
	for (name = out->after; name && *name; name++) {
		if (is_service(services, *name))
			continue;
		diag_error(&c->diags, after->at, &where[1], "org.pith.after names \"%s\", which is no service", *name);
		diag_suggest(&c->diags, *name, service_name, services);
	}
}

/* Reports every circle: after each, the circle is cut open and the order asked for again. */
static void find_circles(struct config *c, struct policy_node *nodes, size_t *order)
{
	const struct entries *services = &c->sections[SECTION_SERVICES];

	for (;;) {
		_cleanup_error_ struct error err = { 0 };
		const struct entry *e;
		struct where where[2];

		if (policy_order(nodes, services->count, order, &err) == 0)
			return;
		if (err.code == ENOMEM) {
			diag_error(&c->diags, (struct position){ 0 }, NULL, "no memory");
			return;
		}
		e = &services->list[order[0]];
		where_entry(where, section_names[SECTION_SERVICES], e);
		diag_error(&c->diags, after_of(e)->at, &where[1], "org.pith.after: %s", error_text(&err));
		nodes[order[0]].after = NULL;
	}
}

enum { SERVICES_MAX = 10000 };

static void check_order(struct config *c)
{
	const struct entries *services = &c->sections[SECTION_SERVICES];
	size_t n = services->count, i;
	_cleanup_free_ struct policy_node *nodes = NULL;
	_cleanup_free_ struct policy *policies = NULL;
	_cleanup_free_ size_t *order = NULL;

	if (n > SERVICES_MAX) {
		diag_error(&c->diags, (struct position){ 0 }, NULL, "more than %d services", SERVICES_MAX);
		return;
	}
	nodes = calloc(n + 1, sizeof *nodes);
	policies = calloc(n + 1, sizeof *policies);
	order = calloc(n + 1, sizeof *order);
	if (!nodes || !policies || !order) {
		diag_error(&c->diags, (struct position){ 0 }, NULL, "no memory");
		return;
	}
	for (i = 0; i < n; i++) {
		find_after(c, &services->list[i], &policies[i]);
		nodes[i] = (struct policy_node){ service_name(i, services), policies[i].after };
	}
	find_circles(c, nodes, order);
	for (i = 0; i < n; i++)
		policy_clear(&policies[i]);
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
