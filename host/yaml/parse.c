/* libyaml's events become nodes.
 *
 *   yaml_parse()  reader_run()       an event after the other, to the end of the first document
 *     on_start()  a collection is pushed on the stack
 *     on_scalar() a value: reader_place() puts it into the collection on top of the stack
 *     on_alias()  a copy of the anchored node, which is placed likewise
 *     on_end()    the collection is complete (parse_merge.c), and is placed in the one below it
 *
 * Anchors are a list, since files have few. An alias gives a copy of the anchored node, so that later steps may
 * annotate nodes without regard to who else shares them; YAML_NODES bounds what the copies can grow to. */
#include "parse.h"

#include <stdlib.h>
#include <string.h>

#include "parse_private.h"
#include "scalar.h"
#include "str.h"

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
	struct position at = reader_position(r, p->problem_mark, p->problem_mark);

	r->failed = true;
	if (p->error == YAML_MEMORY_ERROR) {
		reader_lack_memory(r);
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

/* Puts a complete node where it belongs. */
static void reader_place(struct reader *r, struct node *n)
{
	struct level *l;

	if (r->depth == 0) {
		r->root = n;
		return;
	}
	l = &r->stack[r->depth - 1];
	if (l->node->kind != NODE_MAP || l->key) {
		level_push(r, l, n);
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
		reader_lack_memory(r);
		return 0;
	}
	r->anchors = bigger;
	bigger[r->anchor_count] = (struct anchor){ .name = strdup((const char *)name) };
	if (!bigger[r->anchor_count].name) {
		reader_lack_memory(r);
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
	struct position at = reader_position(r, e->start_mark, e->end_mark);
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
	n = reader_node_copy(r, r->anchors[i].node, e);
	if (n)
		reader_place(r, n);
}

static void on_scalar(struct reader *r, const yaml_event_t *e)
{
	struct node *n = reader_node(r, NODE_STRING, e);
	size_t anchor = anchor_open(r, e->data.scalar.anchor);
	const char *wrong;

	if (!n || r->failed)
		return;
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->len = e->data.scalar.length;
	n->text = arena_copy(r->arena, e->data.scalar.value, n->len);
	if (!n->text) {
		reader_lack_memory(r);
		return;
	}
	wrong = scalar_resolve(n, (const char *)e->data.scalar.tag, r->arena);
	if (wrong) {
		diag_error(r->diags, n->at, NULL, "\"%s\" %s, as its tag says", n->text, wrong);
		n->kind = NODE_STRING;
	}
	anchor_close(r, anchor, n);
	reader_place(r, n);
}

static void on_start(struct reader *r, const yaml_event_t *e, enum node_kind kind, const yaml_char_t *anchor)
{
	struct node *n;

	if (r->depth == YAML_DEPTH) {
		diag_error(r->diags, reader_position(r, e->start_mark, e->end_mark), NULL,
			   "nested more than %d levels deep", YAML_DEPTH);
		r->failed = true;
		return;
	}
	n = reader_node(r, kind, e);
	if (n)
		r->stack[r->depth++] = (struct level){ .node = n, .anchor = anchor_open(r, anchor) };
}

static void on_end(struct reader *r)
{
	struct level *l = &r->stack[r->depth - 1];

	if (l->node->kind == NODE_MAP) {
		map_check_duplicates(r, l->node);
		level_merge(r, l);
	}
	anchor_close(r, l->anchor, l->node);
	r->depth--;
	reader_place(r, l->node);
}

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
			diag_error(r->diags, reader_position(r, e->start_mark, e->start_mark), NULL,
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

static void reader_run(struct reader *r)
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
static void reader_look_behind(struct reader *r)
{
	yaml_event_t e;

	if (!yaml_parser_parse(&r->parser, &e)) {
		diag_warning(r->diags, reader_position(r, r->parser.problem_mark, r->parser.problem_mark), NULL,
			     "what follows the first document is not read");
		return;
	}
	if (e.type == YAML_DOCUMENT_START_EVENT)
		diag_warning(r->diags, reader_position(r, e.start_mark, e.end_mark), NULL,
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
		reader_lack_memory(&r);
		return NULL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)file->text, file->len);
	reader_run(&r);
	if (!r.failed)
		reader_look_behind(&r);
	yaml_parser_delete(&r.parser);
	for (i = 0; i < r.anchor_count; i++)
		free(r.anchors[i].name);
	free(r.anchors);
	return r.failed ? NULL : r.root;
}
