#include "yamltree.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "str.h"

enum { ANCHORS_MAX = 256 };

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct ynode *root;
	struct ynode *stack[YAML_DEPTH_MAX]; /* the open lists and maps */
	struct ynode *last[YAML_DEPTH_MAX];  /* and their youngest child */
	size_t depth, nodes;
	struct {
		const char *name;
		struct ynode *node;
	} anchors[ANCHORS_MAX];
	size_t anchor_count;
};

static int line_refuse(const yaml_event_t *e, const char *what, struct error *err)
{
	return error_set(err, 0, "line %zu: %s", e->start_mark.line + 1, what);
}

static struct ynode *node_add(struct reader *r, const yaml_event_t *e, enum ynode_kind kind, struct error *err)
{
	struct ynode *n;

	if (r->nodes++ == YAML_NODES_MAX) {
		line_refuse(e, "the document is too large", err);
		return NULL;
	}
	n = arena_alloc(r->arena, sizeof(*n));
	if (!n) {
		error_set(err, ENOMEM, "the document");
		return NULL;
	}
	n->kind = kind;
	n->line = e->start_mark.line + 1;
	if (r->depth == 0) {
		if (!r->root)
			r->root = n;
		return n;
	}
	if (r->last[r->depth - 1])
		r->last[r->depth - 1]->next = n;
	else
		r->stack[r->depth - 1]->first = n;
	r->last[r->depth - 1] = n;
	return n;
}

static int anchor_add(struct reader *r, const yaml_event_t *e, const yaml_char_t *name, struct ynode *n,
		      struct error *err)
{
	if (!name)
		return 0;
	if (r->anchor_count == ANCHORS_MAX)
		return line_refuse(e, "too many anchors", err);
	r->anchors[r->anchor_count].name = arena_copy(r->arena, name, strlen((const char *)name));
	r->anchors[r->anchor_count].node = n;
	return r->anchors[r->anchor_count++].name ? 0 : error_set(err, ENOMEM, "the document");
}

static int on_alias(struct reader *r, const yaml_event_t *e, struct error *err)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct ynode *n;

	for (size_t i = r->anchor_count; i-- > 0;)
		if (str_eq(r->anchors[i].name, name)) {
			n = node_add(r, e, YNODE_SCALAR, err);
			if (n)
				n->target = r->anchors[i].node;
			return n ? 0 : -1;
		}
	return line_refuse(e, "an alias of nothing", err);
}

static int on_scalar(struct reader *r, const yaml_event_t *e, struct error *err)
{
	struct ynode *n = node_add(r, e, YNODE_SCALAR, err);

	if (!n)
		return -1;
	n->len = e->data.scalar.length;
	n->text = arena_copy(r->arena, e->data.scalar.value, n->len);
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag;
	n->binary = e->data.scalar.tag && str_eq((const char *)e->data.scalar.tag, "tag:yaml.org,2002:binary");
	if (!n->text)
		return error_set(err, ENOMEM, "the document");
	return anchor_add(r, e, e->data.scalar.anchor, n, err);
}

static int on_start(struct reader *r, const yaml_event_t *e, enum ynode_kind kind, const yaml_char_t *anchor,
		    struct error *err)
{
	struct ynode *n = node_add(r, e, kind, err);

	if (!n || anchor_add(r, e, anchor, n, err) < 0)
		return -1;
	if (r->depth == YAML_DEPTH_MAX)
		return line_refuse(e, "nested too deep", err);
	r->stack[r->depth] = n;
	r->last[r->depth++] = NULL;
	return 0;
}

/* 1: the document has ended, 0: more to come, -1 */
static int on_event(struct reader *r, const yaml_event_t *e, struct error *err)
{
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return on_alias(r, e, err);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, e, err);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, e, YNODE_LIST, e->data.sequence_start.anchor, err);
	case YAML_MAPPING_START_EVENT:
		return on_start(r, e, YNODE_MAP, e->data.mapping_start.anchor, err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return 0;
	case YAML_DOCUMENT_END_EVENT:
	case YAML_STREAM_END_EVENT:
		return 1;
	default:
		return 0;
	}
}

int yamltree_parse(const char *text, size_t n, struct arena *arena, struct ynode **root, struct error *err)
{
	struct reader r = { .arena = arena };
	int done = 0;

	*root = NULL;
	if (n > YAML_TEXT_MAX)
		return error_say(err, EFBIG, "it has more than %d bytes", YAML_TEXT_MAX);
	if (!yaml_parser_initialize(&r.parser))
		return error_set(err, ENOMEM, "YAML");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
	while (done == 0) {
		yaml_event_t e;

		if (!yaml_parser_parse(&r.parser, &e)) {
			done = error_set(err, 0, "line %zu: %s", r.parser.problem_mark.line + 1,
					 r.parser.problem ? r.parser.problem : "it is no YAML");
			break;
		}
		done = on_event(&r, &e, err);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&r.parser);
	*root = done > 0 ? r.root : NULL;
	return done < 0 ? -1 : 0;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

const struct ynode *ynode_real(const struct ynode *n)
{
	return n && n->target ? n->target : n; /* an alias' target is no alias */
}

bool ynode_null(const struct ynode *n)
{
	static const char *const spellings[] = { "", "~", "null", "Null", "NULL" };

	n = ynode_real(n);
	for (size_t i = 0; n && n->kind == YNODE_SCALAR && n->plain && i < array_len(spellings); i++)
		if (str_eq(n->text, spellings[i]))
			return true;
	return !n;
}

const struct ynode *ynode_children(const struct ynode *n)
{
	n = ynode_real(n);
	return n && n->kind != YNODE_SCALAR ? n->first : NULL;
}

const struct ynode *ynode_get(const struct ynode *map, const char *key)
{
	const struct ynode *found = NULL;

	map = ynode_real(map);
	if (!map || map->kind != YNODE_MAP)
		return NULL;
	for (const struct ynode *k = map->first; k && k->next; k = k->next->next) {
		const char *text = ynode_text(k);

		if (text && str_eq(text, key))
			found = ynode_real(k->next);
	}
	return ynode_null(found) ? NULL : found;
}

const char *ynode_text(const struct ynode *n)
{
	n = ynode_real(n);
	return n && n->kind == YNODE_SCALAR && strlen(n->text) == n->len ? n->text : NULL;
}
