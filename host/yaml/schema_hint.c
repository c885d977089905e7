/* A value of the wrong type: the message names the type that is wanted, and where possible the line to write instead.
 */
#include <string.h>
#include <strings.h>

#include "scalar.h"
#include "schema_private.h"
#include "str.h"

static const char *const wanted_names[FIELD_TYPES] = {
	[FIELD_STRING] = "text",
	[FIELD_BOOL] = "true or false",
	[FIELD_INT] = "a whole number",
	[FIELD_ID] = "a number or a name",
	[FIELD_CHOICE] = "one of some words",
	[FIELD_STRINGS] = "a list of text",
	[FIELD_IDS] = "a list of numbers or names",
	[FIELD_TEXTS] = "a mapping of text to text",
	[FIELD_RECORD] = "a mapping",
	[FIELD_RECORDS] = "a list of mappings",
};

/* An empty value to write instead of none. */
static const char *empty_value(enum field_type type)
{
	switch (type) {
	case FIELD_STRINGS:
	case FIELD_IDS:
	case FIELD_RECORDS:
		return "[]";
	case FIELD_TEXTS:
	case FIELD_RECORD:
		return "{}";
	case FIELD_STRING:
		return "\"\"";
	default:
		return NULL;
	}
}

static void hint_null(struct checker *c, const struct field *f, const char *key)
{
	const char *empty = empty_value(f->type);

	if (key && empty)
		diag_hint(c->diags, "write `%s: %s`, or remove the line", key, empty);
	else if (key)
		diag_hint(c->diags, "give it a value, or remove the line");
	else
		diag_hint(c->diags, "remove the line, or write \"\" for an empty text");
}

static bool is_yes(const char *s)
{
	return strcasecmp(s, "yes") == 0 || strcasecmp(s, "on") == 0 || strcasecmp(s, "y") == 0 ||
		strcasecmp(s, "true") == 0 || str_eq(s, "1");
}

static bool is_no(const char *s)
{
	return strcasecmp(s, "no") == 0 || strcasecmp(s, "off") == 0 || strcasecmp(s, "n") == 0 ||
		strcasecmp(s, "false") == 0 || str_eq(s, "0");
}

/* The line to write instead, where it can be told. key NULL: an element of a list. */
static void hint_value(struct checker *c, const struct node *n, const struct field *f, const char *key)
{
	const char *name = key ? key : "-", *colon = key ? ":" : "";
	bool scalar = n->kind < NODE_LIST, line = scalar && n->len < 80 && !memchr(n->text, '\n', n->len);

	if (n->kind == NODE_NULL)
		hint_null(c, f, key);
	else if (f->type == FIELD_STRING && line)
		diag_hint(c->diags, "write `%s%s \"%s\"`, in quotes", name, colon, n->text);
	else if (f->type == FIELD_STRINGS && line && key)
		diag_hint(c->diags, "write `%s: [\"%s\"]`", name, n->text);
	else if (f->type == FIELD_IDS && line && key)
		diag_hint(c->diags, "write `%s: [%s]`", name, n->text);
	else if (f->type == FIELD_BOOL && scalar && is_yes(n->text))
		diag_hint(c->diags, "write `%s%s true`", name, colon);
	else if (f->type == FIELD_BOOL && scalar && is_no(n->text))
		diag_hint(c->diags, "write `%s%s false`", name, colon);
	else if (f->type == FIELD_INT && n->kind == NODE_STRING && line) {
		struct node plain = { .text = n->text, .len = n->len };

		scalar_resolve(&plain, NULL, NULL);
		if (plain.kind == NODE_INT)
			diag_hint(c->diags, "write `%s%s %s`, without quotes", name, colon, n->text);
		else if (f->flags & FIELD_BYTES)
			diag_hint(c->diags, "for example `%s: %s`", name, f->example ? f->example : "64M");
	} else if ((f->type == FIELD_RECORDS || f->type == FIELD_STRINGS) && n->kind == NODE_MAP && key)
		diag_hint(c->diags, "begin each entry below `%s:` with \"- \"", name);
	else if (f->example && key && scalar)
		diag_hint(c->diags, "for example `%s: %s`", name, f->example);
}

bool schema_refuse(struct checker *c, const struct node *n, const struct field *f, enum field_type type,
		   const struct where *where)
{
	const char *key = where && where->key ? where->key : NULL;
	struct field as = *f;

	as.type = type;
	c->good = false;
	if (n->kind == NODE_NULL)
		diag_error(c->diags, n->at, where, "there is no value, where %s is wanted", wanted_names[type]);
	else
		diag_error(c->diags, n->at, where, "%s is wanted here, not %s", wanted_names[type],
			   node_kind_name(n->kind));
	hint_value(c, n, &as, key);
	return false;
}
