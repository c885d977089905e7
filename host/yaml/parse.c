/* libyaml's events become nodes. The stack below holds the collections that are open; anchors are a list, since files
 * have few. An alias gives a copy of the anchored node, so that later steps may annotate nodes without regard to who
 * else shares them; YAML_NODES bounds what the copies can grow to. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "node.h"
#include "str.h"

enum { MERGE_MAX = 2000 };

struct level {
	struct node *node;
	struct node *key; /* of a map: the key whose value comes next */
	size_t capacity;
	size_t anchor; /* index + 1 of the anchor that becomes usable when it is complete, 0: none */
};

struct anchor {
	char *name;
	struct node *node; /* NULL while it is open */
};

struct reader {
	yaml_parser_t parser;
	const struct text_file *file;
	struct arena *arena;
	struct diags *diags;
	struct level stack[YAML_DEPTH];
	size_t depth;
	struct anchor *anchors;
	size_t anchor_count;
	size_t nodes;
	struct node *root;
	bool failed; /* nothing sensible can follow */
};

/* --- errors ------------------------------------------------------------------------------------------------ */

static struct position position_of(const struct reader *r, yaml_mark_t start, yaml_mark_t end)
{
	struct position at = { .file = r->file,
			       .line = (uint32_t)start.line + 1,
			       .column = (uint32_t)start.column + 1 };

	at.width = end.line == start.line && end.column > start.column ? (uint32_t)(end.column - start.column) : 1;
	return at;
}

static void no_memory(struct reader *r)
{
	diag_error(r->diags, (struct position){ .file = r->file }, NULL, "no memory");
	r->failed = true;
}

static bool tab_at(const struct reader *r, struct position at)
{
	const char *p = r->file->text, *end = p + r->file->len;

	for (; at.line > 1 && p < end; at.line--) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		p = nl ? nl + 1 : end;
	}
	return (size_t)(end - p) >= at.column && p[at.column - 1] == '\t';
}

static void parse_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct position at = position_of(r, p->problem_mark, p->problem_mark);

	r->failed = true;
	if (p->error == YAML_MEMORY_ERROR) {
		no_memory(r);
		return;
	}
	if (p->error == YAML_READER_ERROR) {
		diag_error(r->diags, (struct position){ .file = r->file }, NULL, "not text in UTF-8: %s (at byte %zu)",
			   p->problem ? p->problem : "unreadable", p->problem_offset);
		return;
	}
	diag_error(r->diags, at, NULL, "not well-formed YAML: %s%s%s", p->problem ? p->problem : "unreadable",
		   p->context ? ", " : "", p->context ? p->context : "");
	if (tab_at(r, at))
		diag_hint(r->diags, "indent with spaces: YAML does not take tabs there");
	else if (p->context && p->context_mark.line + 1 != at.line)
		diag_hint(r->diags, "it began in line %zu", p->context_mark.line + 1);
}

/* --- nodes --------------------------------------------------------------------------------------------------- */

static struct node *node_new(struct reader *r, enum node_kind kind, const yaml_event_t *e)
{
	struct node *n;

	if (++r->nodes > YAML_NODES) {
		diag_error(r->diags, position_of(r, e->start_mark, e->end_mark), NULL,
			   "more than %d values, aliases included", YAML_NODES);
		r->failed = true;
		return NULL;
	}
	n = arena_alloc(r->arena, sizeof *n);
	if (!n) {
		no_memory(r);
		return NULL;
	}
	n->kind = kind;
	n->at = position_of(r, e->start_mark, e->end_mark);
	return n;
}

/* Appends to a growing array in the arena; what it outgrows is left behind. */
static bool push_item(struct reader *r, struct level *l, struct node *item)
{
	struct node *n = l->node;
	size_t slots = n->kind == NODE_MAP ? n->count * 2 : n->count;

	if (slots + 2 > l->capacity) {
		size_t capacity = l->capacity ? l->capacity * 2 : 8;
		struct node **items = arena_alloc(r->arena, capacity * sizeof *items);

		if (!items) {
			no_memory(r);
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

/* Puts a complete node where it belongs. */
static void place(struct reader *r, struct node *n)
{
	struct level *l;

	if (r->depth == 0) {
		r->root = n;
		return;
	}
	l = &r->stack[r->depth - 1];
	if (l->node->kind != NODE_MAP || l->key) {
		push_item(r, l, n);
		return;
	}
	if (n->kind != NODE_STRING || strlen(n->text) != n->len) {
		diag_error(r->diags, n->at, NULL, "a key must be text, not %s",
			   n->kind == NODE_STRING ? "bytes" : node_kind_name(n->kind));
		if (n->text && n->kind != NODE_STRING)
			diag_hint(r->diags, "put it in quotes: \"%s\"", n->text);
		n->kind = NODE_STRING;
		if (!n->text)
			n->text = "";
	}
	l->key = n;
}

static struct node *node_copy(struct reader *r, const struct node *from, const yaml_event_t *e)
{
	struct node *n = node_new(r, from->kind, e);
	size_t i, slots = from->kind == NODE_MAP ? from->count * 2 : from->count;

	if (!n)
		return NULL;
	*n = *from;
	if (!slots)
		return n;
	n->items = arena_alloc(r->arena, slots * sizeof *n->items);
	if (!n->items) {
		no_memory(r);
		return NULL;
	}
	for (i = 0; i < slots; i++) {
		n->items[i] = node_copy(r, from->items[i], e);
		if (!n->items[i])
			return NULL;
	}
	return n;
}

/* --- anchors --------------------------------------------------------------------------------------------------- */

/* Index + 1; the later of two anchors of one name counts. */
static size_t anchor_open(struct reader *r, const yaml_char_t *name)
{
	struct anchor *bigger;
	size_t i;

	if (!name)
		return 0;
	for (i = 0; i < r->anchor_count; i++) {
		if (str_eq(r->anchors[i].name, (const char *)name)) {
			r->anchors[i].node = NULL;
			return i + 1;
		}
	}
	bigger = reallocarray(r->anchors, r->anchor_count + 1, sizeof *bigger);
	if (!bigger) {
		no_memory(r);
		return 0;
	}
	r->anchors = bigger;
	bigger[r->anchor_count] = (struct anchor){ .name = strdup((const char *)name) };
	if (!bigger[r->anchor_count].name) {
		no_memory(r);
		return 0;
	}
	return ++r->anchor_count;
}

static void anchor_close(struct reader *r, size_t anchor, struct node *n)
{
	if (anchor)
		r->anchors[anchor - 1].node = n;
}

static void on_alias(struct reader *r, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct position at = position_of(r, e->start_mark, e->end_mark);
	struct node *n;
	size_t i;

	for (i = 0; i < r->anchor_count; i++)
		if (str_eq(r->anchors[i].name, name))
			break;
	if (i == r->anchor_count) {
		diag_error(r->diags, at, NULL, "no anchor \"&%s\" before this alias", name);
		r->failed = true;
		return;
	}
	if (!r->anchors[i].node) {
		diag_error(r->diags, at, NULL, "the value anchored as \"&%s\" contains itself", name);
		r->failed = true;
		return;
	}
	n = node_copy(r, r->anchors[i].node, e);
	if (n)
		place(r, n);
}

/* --- scalars --------------------------------------------------------------------------------------------------- */

static void on_scalar(struct reader *r, const yaml_event_t *e)
{
	struct node *n = node_new(r, NODE_STRING, e);
	size_t anchor = anchor_open(r, e->data.scalar.anchor);
	const char *wrong;

	if (!n || r->failed)
		return;
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->len = e->data.scalar.length;
	n->text = arena_copy(r->arena, e->data.scalar.value, n->len);
	if (!n->text) {
		no_memory(r);
		return;
	}
	wrong = scalar_resolve(n, (const char *)e->data.scalar.tag, r->arena);
	if (wrong) {
		diag_error(r->diags, n->at, NULL, "\"%s\" %s, as its tag says", n->text, wrong);
		n->kind = NODE_STRING;
	}
	anchor_close(r, anchor, n);
	place(r, n);
}

/* --- collections ------------------------------------------------------------------------------------------------ */

static void on_start(struct reader *r, const yaml_event_t *e, enum node_kind kind, const yaml_char_t *anchor)
{
	struct node *n;

	if (r->depth == YAML_DEPTH) {
		diag_error(r->diags, position_of(r, e->start_mark, e->end_mark), NULL,
			   "nested more than %d levels deep", YAML_DEPTH);
		r->failed = true;
		return;
	}
	n = node_new(r, kind, e);
	if (n)
		r->stack[r->depth++] = (struct level){ .node = n, .anchor = anchor_open(r, anchor) };
}

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

static void check_duplicates(struct reader *r, const struct node *map)
{
	_cleanup_free_ struct node **keys = NULL;
	size_t i;

	if (map->count < 2)
		return;
	keys = reallocarray(NULL, map->count, sizeof *keys);
	if (!keys) {
		no_memory(r);
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
		push_item(r, l, from->items[2 * i + 1]);
	}
}

static void bad_merge(struct reader *r, const struct node *value)
{
	diag_error(r->diags, value->at, NULL, "a merge (\"<<\") takes a mapping or a list of mappings, not %s",
		   node_kind_name(value->kind));
}

/* Takes a "<<" out of the map and merges what it names: own keys win, then the first of a list. */
static void apply_merge(struct reader *r, struct level *l)
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

static void on_end(struct reader *r)
{
	struct level *l = &r->stack[r->depth - 1];

	if (l->node->kind == NODE_MAP) {
		check_duplicates(r, l->node);
		apply_merge(r, l);
	}
	anchor_close(r, l->anchor, l->node);
	r->depth--;
	place(r, l->node);
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

/* True when the document is complete. */
static bool on_event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		on_scalar(r, e);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		on_start(r, e, NODE_LIST, e->data.sequence_start.anchor);
		break;
	case YAML_MAPPING_START_EVENT:
		on_start(r, e, NODE_MAP, e->data.mapping_start.anchor);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_end(r);
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (e->data.document_start.version_directive && e->data.document_start.version_directive->minor != 1) {
			diag_error(r->diags, position_of(r, e->start_mark, e->start_mark), NULL,
				   "LinuxKit reads no YAML %d.%d", e->data.document_start.version_directive->major,
				   e->data.document_start.version_directive->minor);
			diag_hint(r->diags, "write %%YAML 1.1, or remove the line");
		}
		break;
	case YAML_STREAM_END_EVENT:
		diag_error(r->diags, (struct position){ .file = r->file }, NULL, "there is nothing in the file");
		diag_hint(r->diags, "an image without content is written as {}");
		r->failed = true;
		break;
	case YAML_DOCUMENT_END_EVENT:
		return true;
	default:
		break;
	}
	return false;
}

static void read_document(struct reader *r)
{
	bool done = false;

	while (!done && !r->failed) {
		yaml_event_t e;

		if (!yaml_parser_parse(&r->parser, &e)) {
			parse_error(r);
			return;
		}
		done = on_event(r, &e);
		yaml_event_delete(&e);
	}
}

/* The reference stops after the first document; that is worth a word. */
static void look_behind(struct reader *r)
{
	yaml_event_t e;

	if (!yaml_parser_parse(&r->parser, &e)) {
		diag_warning(r->diags, position_of(r, r->parser.problem_mark, r->parser.problem_mark), NULL,
			     "what follows the first document is not read");
		return;
	}
	if (e.type == YAML_DOCUMENT_START_EVENT)
		diag_warning(r->diags, position_of(r, e.start_mark, e.end_mark), NULL,
			     "only the first document of a file is read");
	yaml_event_delete(&e);
}

struct node *yaml_parse(const struct text_file *file, struct arena *arena, struct diags *diags)
{
	struct reader r = { .file = file, .arena = arena, .diags = diags };
	size_t i;

	if (file->len > YAML_BYTES) {
		diag_error(diags, (struct position){ .file = file }, NULL, "larger than %d MiB", YAML_BYTES >> 20);
		return NULL;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		no_memory(&r);
		return NULL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)file->text, file->len);
	read_document(&r);
	if (!r.failed)
		look_behind(&r);
	yaml_parser_delete(&r.parser);
	for (i = 0; i < r.anchor_count; i++)
		free(r.anchors[i].name);
	free(r.anchors);
	return r.failed ? NULL : r.root;
}

struct node *node_get(const struct node *map, const char *key)
{
	size_t i;

	if (map->kind != NODE_MAP)
		return NULL;
	for (i = 0; i < map->count; i++)
		if (str_eq(map->items[2 * i]->text, key))
			return map->items[2 * i + 1];
	return NULL;
}
