/* What a mapping needs when it is complete: no key twice, and its merge key ("<<") replaced by what that names. */
#include <stdlib.h>
#include <string.h>

#include "parse_private.h"
#include "str.h"

enum { MERGE_MAX = 2000 };

static int compare_keys(const void *pa, const void *pb)
{
	const struct node *a = *(struct node *const *)pa, *b = *(struct node *const *)pb;
	int order = strcmp(a->text, b->text);

	if (order)
		return order;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	return a->at.column < b->at.column ? -1 : a->at.column > b->at.column;
}

void map_check_duplicates(struct reader *r, const struct node *map)
{
	_cleanup_free_ struct node **keys = NULL;
	size_t i;

	if (map->count < 2)
		return;
	keys = reallocarray(NULL, map->count, sizeof *keys);
	if (!keys) {
		reader_lack_memory(r);
		return;
	}
	for (i = 0; i < map->count; i++)
		keys[i] = map->items[2 * i];
	qsort(keys, map->count, sizeof *keys, compare_keys);
	for (i = 1; i < map->count; i++) {
		if (!str_eq(keys[i]->text, keys[i - 1]->text))
			continue;
		diag_error(r->diags, keys[i]->at, NULL, "the key \"%s\" is here twice", keys[i]->text);
		diag_hint(r->diags, "the first one is in line %u", keys[i - 1]->at.line);
	}
}

static bool is_merge(const struct node *key)
{
	return !key->quoted && str_eq(key->text, "<<");
}

static bool has_key(const struct node *map, const char *key)
{
	size_t i;

	for (i = 0; i < map->count; i++)
		if (!is_merge(map->items[2 * i]) && str_eq(map->items[2 * i]->text, key))
			return true;
	return false;
}

/* Adds the pairs of `from` whose keys the map lacks. */
static void merge_map(struct reader *r, struct level *l, const struct node *from)
{
	size_t i;

	if (from->count > MERGE_MAX || l->node->count > MERGE_MAX) {
		diag_error(r->diags, l->node->at, NULL, "a merge (\"<<\") of more than %d keys", MERGE_MAX);
		r->failed = true;
	}
	for (i = 0; i < from->count && !r->failed; i++) {
		if (has_key(l->node, from->items[2 * i]->text))
			continue;
		l->key = from->items[2 * i];
		level_push(r, l, from->items[2 * i + 1]);
	}
}

static void bad_merge(struct reader *r, const struct node *value)
{
	diag_error(r->diags, value->at, NULL, "a merge (\"<<\") takes a mapping or a list of mappings, not %s",
		   node_kind_name(value->kind));
}

void level_merge(struct reader *r, struct level *l)
{
	struct node *map = l->node, *value = NULL;
	size_t i;

	for (i = 0; i < map->count && !value; i++)
		if (is_merge(map->items[2 * i]))
			value = map->items[2 * i + 1];
	if (!value)
		return;
	memmove(&map->items[2 * (i - 1)], &map->items[2 * i], (map->count - i) * 2 * sizeof *map->items);
	map->count--;
	if (value->kind == NODE_MAP) {
		merge_map(r, l, value);
	} else if (value->kind == NODE_LIST) {
		for (i = 0; i < value->count && !r->failed; i++) {
			if (value->items[i]->kind == NODE_MAP)
				merge_map(r, l, value->items[i]);
			else
				bad_merge(r, value->items[i]);
		}
	} else {
		bad_merge(r, value);
	}
}
