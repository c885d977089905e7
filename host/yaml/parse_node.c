/* The nodes that a reader makes: bounded in number, in the arena, each with its position. */
#include <string.h>

#include "parse_private.h"

struct position reader_position(const struct reader *r, yaml_mark_t start, yaml_mark_t end)
{
	struct position at = { .file = r->file,
			       .line = (uint32_t)start.line + 1,
			       .column = (uint32_t)start.column + 1 };

	at.width = end.line == start.line && end.column > start.column ? (uint32_t)(end.column - start.column) : 1;
	return at;
}

void reader_lack_memory(struct reader *r)
{
	diag_error(r->diags, (struct position){ .file = r->file }, NULL, "no memory");
	r->failed = true;
}

struct node *reader_node(struct reader *r, enum node_kind kind, const yaml_event_t *e)
{
	struct node *n;

	if (++r->nodes > YAML_NODES) {
		diag_error(r->diags, reader_position(r, e->start_mark, e->end_mark), NULL,
			   "more than %d values, aliases included", YAML_NODES);
		r->failed = true;
		return NULL;
	}
	n = arena_alloc(r->arena, sizeof *n);
	if (!n) {
		reader_lack_memory(r);
		return NULL;
	}
	n->kind = kind;
	n->at = reader_position(r, e->start_mark, e->end_mark);
	return n;
}

/* Appends to a growing array in the arena; what it outgrows is left behind. */
bool level_push(struct reader *r, struct level *l, struct node *item)
{
	struct node *n = l->node;
	size_t slots = n->kind == NODE_MAP ? n->count * 2 : n->count;

	if (slots + 2 > l->capacity) {
		size_t capacity = l->capacity ? l->capacity * 2 : 8;
		struct node **items = arena_alloc(r->arena, capacity * sizeof *items);

		if (!items) {
			reader_lack_memory(r);
			return false;
		}
		if (slots)
			memcpy(items, n->items, slots * sizeof *items);
		n->items = items;
		l->capacity = capacity;
	}
	if (n->kind == NODE_LIST) {
		n->items[n->count++] = item;
	} else {
		n->items[slots] = l->key;
		n->items[slots + 1] = item;
		n->count++;
		l->key = NULL;
	}
	return true;
}

struct node *reader_node_copy(struct reader *r, const struct node *from, const yaml_event_t *e)
{
	struct node *n = reader_node(r, from->kind, e);
	size_t i, slots = from->kind == NODE_MAP ? from->count * 2 : from->count;

	if (!n)
		return NULL;
	*n = *from;
	if (!slots)
		return n;
	n->items = arena_alloc(r->arena, slots * sizeof *n->items);
	if (!n->items) {
		reader_lack_memory(r);
		return NULL;
	}
	for (i = 0; i < slots; i++) {
		n->items[i] = reader_node_copy(r, from->items[i], e);
		if (!n->items[i])
			return NULL;
	}
	return n;
}
