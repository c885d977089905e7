/* Nodes checked against the tables: check_record() goes through the keys of a mapping, check_value() through the types
 * of fields, and a field that is a record is a mapping again. */
#include "schema.h"

#include <math.h>
#include <string.h>

#include "schema_private.h"
#include "str.h"

/* The functions below return whether a value can be used: what cannot is reported, and taken out of what holds it, so
 * that later checks may rely on the types of everything that is left. */
static void check_record(struct checker *c, struct node *n, const struct record *record, const struct where *where);

static const char *field_name(size_t i, const void *data)
{
	const struct record *r = data;

	return i < r->count ? r->fields[i].key : NULL;
}

static const struct field *record_find(const struct record *r, const char *key, size_t *index)
{
	for (*index = 0; *index < r->count; ++*index)
		if (str_eq(r->fields[*index].key, key))
			return &r->fields[*index];
	return NULL;
}

static bool is_text(const struct node *n)
{
	return n->kind == NODE_STRING;
}

static bool check_string(struct checker *c, const struct node *n, const struct field *f, enum field_type type,
			 const struct where *where)
{
	if (!is_text(n))
		return schema_refuse(c, n, f, type, where);
	/* only the content of a file may be binary */
	if (strlen(n->text) == n->len || str_eq(f->key, "contents"))
		return true;
	c->good = false;
	diag_error(c->diags, n->at, where, "a zero byte inside text");
	return false;
}

static bool is_whole(const struct node *n)
{
	return n->kind == NODE_FLOAT && isfinite(n->real) && floor(n->real) == n->real;
}

static bool in_range(const struct node *n, int64_t min, uint64_t max)
{
	if (n->kind == NODE_INT)
		return n->integer < 0 ? n->integer >= min : (uint64_t)n->integer <= max && n->integer >= min;
	if (n->kind == NODE_UINT)
		return n->natural <= max;
	/* 2^63 and 2^64 are floats, the largest integers below them are not */
	return n->real >= (double)min && n->real <= (double)max && n->real < (max > INT64_MAX ? 0x1p64 : 0x1p63);
}

/* 64M, 1GiB: the number takes the place of the text. */
static void size_resolve(struct node *n)
{
	uint64_t bytes;

	if (!is_text(n) || strlen(n->text) != n->len || !n->len ||
	    (n->text[n->len - 1] >= '0' && n->text[n->len - 1] <= '9') || str_to_size(n->text, 1, &bytes) < 0 ||
	    bytes > INT64_MAX)
		return;
	n->kind = NODE_INT;
	n->integer = (int64_t)bytes;
}

static bool check_int(struct checker *c, struct node *n, const struct field *f, const struct where *where)
{
	if (f->flags & FIELD_BYTES)
		size_resolve(n);
	if (n->kind != NODE_INT && n->kind != NODE_UINT && !is_whole(n))
		return schema_refuse(c, n, f, FIELD_INT, where);
	if (in_range(n, f->min, f->max))
		return true;
	c->good = false;
	diag_error(c->diags, n->at, where, "%s is out of range: from %lld to %llu", n->text, (long long)f->min,
		   (unsigned long long)f->max);
	return false;
}

static bool check_id(struct checker *c, const struct node *n, const struct field *f, const struct where *where)
{
	if (n->kind == NODE_INT)
		return true;
	return is_text(n) ? check_string(c, n, f, FIELD_ID, where) : schema_refuse(c, n, f, FIELD_ID, where);
}

static const char *choice_name(size_t i, const void *data)
{
	return ((const char *const *)data)[i];
}

static bool check_choice(struct checker *c, const struct node *n, const struct field *f, const struct where *where)
{
	size_t i;

	if (!is_text(n))
		return schema_refuse(c, n, f, FIELD_CHOICE, where);
	for (i = 0; f->choices[i]; i++)
		if (str_eq(f->choices[i], n->text))
			return true;
	c->good = false;
	diag_error(c->diags, n->at, where, "unknown %s \"%s\"", f->key, n->text);
	if (i == 2)
		diag_hint(c->diags, "it is \"%s\" or \"%s\"", f->choices[0], f->choices[1]);
	diag_suggest(c->diags, n->text, choice_name, f->choices);
	return false;
}

static bool check_value(struct checker *c, struct node *n, const struct field *f, enum field_type type,
			const struct where *where);

static const char *label_of(const struct node *n)
{
	const struct node *name = node_get(n, "name");

	if (!name)
		name = node_get(n, "path");
	return name && name->kind == NODE_STRING ? name->text : NULL;
}

static bool check_list(struct checker *c, struct node *n, const struct field *f, enum field_type type,
		       enum field_type element, const struct where *where)
{
	size_t i, kept = 0;

	if (n->kind != NODE_LIST)
		return schema_refuse(c, n, f, type, where);
	for (i = 0; i < n->count; i++) {
		struct where here = { .up = where, .index = i };

		if (c->lax && n->items[i]->kind == NODE_NULL)
			continue;
		if (element == FIELD_RECORD)
			here.label = label_of(n->items[i]);
		if (check_value(c, n->items[i], f, element, &here))
			n->items[kept++] = n->items[i];
	}
	n->count = kept;
	return true;
}

static bool check_texts(struct checker *c, struct node *n, const struct field *f, const struct where *where)
{
	size_t i, kept = 0;

	if (n->kind != NODE_MAP)
		return schema_refuse(c, n, f, FIELD_TEXTS, where);
	for (i = 0; i < n->count; i++) {
		struct node *value = n->items[2 * i + 1];
		struct where here = { .up = where, .key = n->items[2 * i]->text };

		if (c->lax && value->kind == NODE_NULL)
			*value = (struct node){ .kind = NODE_STRING, .at = value->at, .text = "" };
		if (c->lax)
			decode_text(value);
		if (!check_string(c, n->items[2 * i + 1], f, FIELD_STRING, &here))
			continue;
		n->items[2 * kept] = n->items[2 * i];
		n->items[2 * kept + 1] = n->items[2 * i + 1];
		kept++;
	}
	n->count = kept;
	return true;
}

static bool check_value(struct checker *c, struct node *n, const struct field *f, enum field_type type,
			const struct where *where)
{
	if (c->lax)
		value_decode(n, type);
	switch (type) {
	case FIELD_STRING:
		return check_string(c, n, f, type, where);
	case FIELD_BOOL:
		return n->kind == NODE_BOOL || schema_refuse(c, n, f, type, where);
	case FIELD_INT:
		return check_int(c, n, f, where);
	case FIELD_ID:
		return check_id(c, n, f, where);
	case FIELD_CHOICE:
		return check_choice(c, n, f, where);
	case FIELD_STRINGS:
		return check_list(c, n, f, type, FIELD_STRING, where);
	case FIELD_IDS:
		return check_list(c, n, f, type, FIELD_ID, where);
	case FIELD_RECORDS:
		return check_list(c, n, f, type, FIELD_RECORD, where);
	case FIELD_TEXTS:
		return check_texts(c, n, f, where);
	case FIELD_RECORD:
		if (n->kind != NODE_MAP)
			return schema_refuse(c, n, f, type, where);
		check_record(c, n, f->record, where);
		return n->fields != NULL;
	case FIELD_TYPES:
		break;
	}
	return false;
}

static const char *key_elsewhere(const char *key, const struct record *record)
{
	for (const struct key_elsewhere *e = record->elsewhere; e && e->key; e++)
		if (str_eq(key, e->key))
			return e->instead;
	return NULL;
}

static void unknown_key(struct checker *c, const struct node *key, const struct record *record,
			const struct where *where)
{
	const char *instead;

	c->good = false;
	diag_error(c->diags, key->at, where, "unknown key \"%s\"", key->text);
	instead = key_elsewhere(key->text, record);
	if (instead)
		diag_hint(c->diags, "%s", instead);
	else
		diag_suggest(c->diags, key->text, field_name, record);
}

static void check_pair(struct checker *c, struct node *n, size_t i, const struct record *record,
		       const struct where *where)
{
	struct node *key = n->items[2 * i], *value = n->items[2 * i + 1];
	struct where here = { .up = where, .key = key->text };
	const struct field *f;
	size_t index;

	f = record_find(record, key->text, &index);
	if (!f) {
		unknown_key(c, key, record, where);
		return;
	}
	if (c->lax && value->kind == NODE_NULL)
		return;
	if (!check_value(c, value, f, f->type, &here))
		return;
	if (f->flags & FIELD_DROPPED) {
		diag_warning(c->diags, key->at, where, "\"%s\" is accepted and has no effect, as in LinuxKit", f->key);
		return;
	}
	if (f->flags & FIELD_IGNORED)
		return;
	n->fields[index] = value;
}

static void check_record(struct checker *c, struct node *n, const struct record *record, const struct where *where)
{
	size_t i;

	n->record = record;
	n->fields = arena_alloc(c->arena, record->count * sizeof *n->fields);
	if (!n->fields) {
		c->good = false;
		diag_error(c->diags, n->at, where, "no memory");
		return;
	}
	for (i = 0; i < n->count; i++)
		check_pair(c, n, i, record, where);
	for (i = 0; i < record->count && !record->partial; i++) {
		const struct field *f = &record->fields[i];

		const struct node *there = node_get(n, f->key);

		if (!(f->flags & FIELD_REQUIRED) || (there && !(c->lax && there->kind == NODE_NULL)))
			continue;
		c->good = false;
		diag_error(c->diags, n->at, where, "the key \"%s\" is missing", f->key);
		if (f->example)
			diag_hint(c->diags, "for example `%s: %s`", f->key, f->example);
	}
}

static bool schema_run(struct node *n, const struct record *record, const struct where *where, bool lax,
		       struct arena *arena, struct diags *diags)
{
	struct checker c = { .arena = arena, .diags = diags, .good = true, .lax = lax };

	if (n->kind != NODE_MAP) {
		diag_error(diags, n->at, where, "a mapping is wanted here, not %s", node_kind_name(n->kind));
		return false;
	}
	check_record(&c, n, record, where);
	return c.good;
}

bool schema_check(struct node *n, const struct record *record, const struct where *where, struct arena *arena,
		  struct diags *diags)
{
	return schema_run(n, record, where, false, arena, diags);
}

bool schema_decode(struct node *n, const struct record *record, const struct where *where, struct arena *arena,
		   struct diags *diags)
{
	return schema_run(n, record, where, true, arena, diags);
}
