/* Values of the YAML and of the label: which of the two counts, and how they are written into JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "spec_private.h"
#include "str.h"

const struct node *spec_pick(const struct spec_builder *b, size_t field)
{
	const struct node *v = node_field(b->yaml, field);

	return v ? v : node_field(b->label, field);
}

const char *spec_pick_text(const struct spec_builder *b, size_t field, const char *fallback)
{
	const char *yaml = node_text(b->yaml, field), *label = node_text(b->label, field);

	return yaml && *yaml ? yaml : label && *label ? label : fallback;
}

struct texts spec_pick_texts(const struct spec_builder *b, size_t field)
{
	struct texts t = { .first = node_field(b->yaml, field), .first_key = container_record.fields[field].key };

	if (!t.first) {
		t.first = node_field(b->label, field);
		t.first_from_label = t.first != NULL;
	}
	return t;
}

struct texts spec_pick_added(const struct spec_builder *b, size_t field, size_t add)
{
	struct texts t = spec_pick_texts(b, field);

	if (!node_field(b->yaml, field)) {
		t.second = node_field(b->yaml, add);
		t.second_key = container_record.fields[add].key;
	}
	return t;
}

void spec_error(struct spec_builder *b, const struct node *at, const char *key, const char *fmt, ...)
{
	struct where where = { .up = &b->where[1], .key = key };
	_cleanup_free_ char *text = NULL;
	va_list ap;

	b->good = false;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	diag_error(b->diags, at->at, key ? &where : &b->where[1], "%s", text ? text : "no memory");
}

void value_write_texts(struct spec_builder *b, const char *key, const struct node *list)
{
	size_t i;

	if (!list || !list->count)
		return;
	jsonw_list(&b->json, key);
	for (i = 0; i < list->count; i++)
		jsonw_text(&b->json, NULL, list->items[i]->text, list->items[i]->len);
	jsonw_end(&b->json);
}

/* A mapping of text, sorted by nothing: JSON objects have no order. */
void value_write_mapping(struct spec_builder *b, const char *key, const struct node *map)
{
	size_t i;

	if (!map || !map->count)
		return;
	jsonw_object(&b->json, key);
	for (i = 0; i < map->count; i++)
		jsonw_text(&b->json, map->items[2 * i]->text, map->items[2 * i + 1]->text, map->items[2 * i + 1]->len);
	jsonw_end(&b->json);
}
