/* The configuration written out again. The order of keys is that of the tables; what LinuxKit's structures write for
 * absent values is in the tables' flags. */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "ref.h"
#include "str.h"

static bool is_empty(const struct node *n)
{
	size_t i;

	switch (n->kind) {
	case NODE_BOOL:
		return !n->boolean;
	case NODE_STRING:
		return n->len == 0;
	case NODE_INT:
		return n->integer == 0;
	case NODE_LIST:
		return n->count == 0;
	case NODE_MAP:
		if (!n->record)
			return n->count == 0;
		for (i = 0; i < n->record->count; i++)
			if (n->fields[i])
				return false;
		return true;
	default:
		return false;
	}
}

/* The value to write for a field: NULL where there is none. */
static const struct node *present(const struct node *n, size_t i, const struct field *f)
{
	const struct node *v = node_field(n, i);

	return v && (f->flags & FIELD_OMIT_EMPTY) && is_empty(v) ? NULL : v;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void json_number(struct jsonw *w, const char *key, const struct node *n)
{
	if (n->kind == NODE_UINT || (n->kind == NODE_FLOAT && n->real >= 0))
		jsonw_uint(w, key, node_number(n));
	else
		jsonw_int(w, key, (int64_t)node_number(n));
}

static void json_value(struct jsonw *w, const char *key, const struct node *v, const struct field *f)
{
	size_t i;

	switch (v->kind) {
	case NODE_BOOL:
		jsonw_bool(w, key, v->boolean);
		break;
	case NODE_INT:
	case NODE_UINT:
	case NODE_FLOAT:
		json_number(w, key, v);
		break;
	case NODE_LIST:
		jsonw_list(w, key);
		for (i = 0; i < v->count; i++)
			json_value(w, NULL, v->items[i], f);
		jsonw_end(w);
		break;
	case NODE_MAP:
		if (v->record) {
			node_json(w, key, v, f->record);
			break;
		}
		jsonw_object(w, key);
		for (i = 0; i < v->count; i++)
			json_value(w, v->items[2 * i]->text, v->items[2 * i + 1], f);
		jsonw_end(w);
		break;
	default:
		jsonw_text(w, key, v->text, v->len);
	}
}

static void json_zero(struct jsonw *w, const char *key, const struct field *f)
{
	switch (f->type) {
	case FIELD_BOOL:
		jsonw_bool(w, key, false);
		break;
	case FIELD_INT:
		jsonw_int(w, key, 0);
		break;
	case FIELD_RECORD:
		node_json(w, key, NULL, f->record);
		break;
	case FIELD_STRINGS:
	case FIELD_IDS:
	case FIELD_RECORDS:
		jsonw_null(w, key);
		break;
	default:
		jsonw_string(w, key, "");
	}
}

void node_json(struct jsonw *w, const char *key, const struct node *n, const struct record *record)
{
	size_t i;

	jsonw_object(w, key);
	for (i = 0; i < record->count; i++) {
		const struct field *f = &record->fields[i];
		const struct node *v = present(n, i, f);
		const char *name = f->json ? f->json : f->key;

		if (v)
			json_value(w, name, v, f);
		else if (f->flags & FIELD_JSON_ALWAYS)
			json_zero(w, name, f);
	}
	jsonw_end(w);
}

/* --- YAML --------------------------------------------------------------------------------------------------------- */

struct yaml_writer {
	struct buf *out;
	bool metadata; /* keys that have no effect are written in LinuxKit's way, by which they cannot be read again */
	bool failed;
};

static void put(struct yaml_writer *w, const char *s)
{
	if (buf_addstr(w->out, s) < 0)
		w->failed = true;
}

static void indent(struct yaml_writer *w, int depth)
{
	for (; depth > 0; depth--)
		put(w, "  ");
}

/* Words that some YAML reader takes for a boolean. */
static bool is_boolean_word(const char *s)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false" };
	size_t i;

	for (i = 0; i < array_len(words); i++)
		if (strcasecmp(words[i], s) == 0)
			return true;
	return false;
}

static bool is_plain(const char *s, size_t n)
{
	struct node probe = { .text = s, .len = n };
	size_t i;

	if (!n || !(((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') || *s == '/') || is_boolean_word(s))
		return false;
	for (i = 0; i < n; i++) {
		char c = s[i];

		if (((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || (c && strchr("_./@=+-", c)))
			continue;
		if (c != ':' || i + 1 == n)
			return false;
	}
	scalar_resolve(&probe, NULL, NULL);
	return probe.kind == NODE_STRING;
}

static bool is_utf8(const char *s, size_t n)
{
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = utf8_char(s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

static void put_base64(struct yaml_writer *w, const char *s, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)s;
	size_t i;

	put(w, "!!binary \"");
	for (i = 0; i < n; i += 3) {
		uint32_t v =
			(uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
		char four[5] = { alphabet[v >> 18], alphabet[v >> 12 & 63], i + 1 < n ? alphabet[v >> 6 & 63] : '=',
				 i + 2 < n ? alphabet[v & 63] : '=', '\0' };

		put(w, four);
	}
	put(w, "\"");
}

/* A JSON string is a YAML scalar in double quotes. */
static void put_text(struct yaml_writer *w, const char *s, size_t n)
{
	struct jsonw json = { .out = w->out };

	if (is_plain(s, n))
		put(w, s);
	else if (!is_utf8(s, n))
		put_base64(w, s, n);
	else
		jsonw_text(&json, NULL, s, n);
	w->failed |= json.failed;
}

static void put_record(struct yaml_writer *w, const struct node *n, const struct record *record, int depth,
		       bool inline_);

static void put_scalar(struct yaml_writer *w, const struct node *v)
{
	struct jsonw json = { .out = w->out };

	put(w, " ");
	if (v->kind == NODE_BOOL)
		put(w, v->boolean ? "true" : "false");
	else if (v->kind == NODE_STRING)
		put_text(w, v->text, v->len);
	else
		json_number(&json, NULL, v);
	put(w, "\n");
	w->failed |= json.failed;
}

/* Behind "key:" in a block of the given depth. */
static void put_value(struct yaml_writer *w, const struct node *v, const struct field *f, int depth)
{
	size_t i;

	if (v->kind == NODE_LIST && v->count) {
		put(w, "\n");
		for (i = 0; i < v->count; i++) {
			indent(w, depth);
			put(w, "-");
			if (v->items[i]->kind == NODE_MAP)
				put_record(w, v->items[i], f->record, depth + 1, true);
			else
				put_scalar(w, v->items[i]);
		}
	} else if (v->kind == NODE_LIST) {
		put(w, " []\n");
	} else if (v->kind == NODE_MAP && v->record) {
		put_record(w, v, f->record, depth + 1, false);
	} else if (v->kind == NODE_MAP && v->count) {
		put(w, "\n");
		for (i = 0; i < v->count; i++) {
			indent(w, depth + 1);
			put_text(w, v->items[2 * i]->text, v->items[2 * i]->len);
			put(w, ":");
			put_scalar(w, v->items[2 * i + 1]);
		}
	} else if (v->kind == NODE_MAP) {
		put(w, " {}\n");
	} else {
		put_scalar(w, v);
	}
}

static void put_zero(struct yaml_writer *w, const struct field *f, int depth)
{
	switch (f->type) {
	case FIELD_BOOL:
		put(w, " false\n");
		break;
	case FIELD_INT:
		put(w, " 0\n");
		break;
	case FIELD_RECORD:
		put_record(w, NULL, f->record, depth + 1, false);
		break;
	case FIELD_STRINGS:
	case FIELD_IDS:
	case FIELD_RECORDS:
		put(w, " []\n");
		break;
	default:
		put(w, " \"\"\n");
	}
}

/* dash: the record is an element of a list: its first key stands behind "-". */
static void put_record(struct yaml_writer *w, const struct node *n, const struct record *record, int depth, bool dash)
{
	bool first = true;
	size_t i;

	for (i = 0; i < record->count; i++) {
		const struct field *f = &record->fields[i];
		const struct node *v = present(n, i, f);

		if (!v && (!(f->flags & FIELD_YAML_ALWAYS) || ((f->flags & FIELD_DROPPED) && !w->metadata)))
			continue;
		if (first)
			put(w, dash ? " " : "\n");
		if (!first || !dash)
			indent(w, depth);
		first = false;
		put(w, f->yaml ? f->yaml : f->key);
		put(w, ":");
		if (v)
			put_value(w, v, f, depth);
		else
			put_zero(w, f, depth);
	}
	if (first)
		put(w, " {}\n");
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* The configuration as one node again. Only pointers are copied, except of nodes whose image name is expanded. */
static struct node *new_node(struct arena *a, enum node_kind kind, const struct record *record, size_t count)
{
	struct node *n = arena_alloc(a, sizeof *n);

	if (!n)
		return NULL;
	n->kind = kind;
	n->record = record;
	n->count = count;
	n->items = kind == NODE_LIST ? arena_alloc(a, (count + 1) * sizeof *n->items) : NULL;
	n->fields = record ? arena_alloc(a, record->count * sizeof *n->fields) : NULL;
	return (kind == NODE_LIST && !n->items) || (record && !n->fields) ? NULL : n;
}

static struct node *expanded_text(struct arena *a, const struct node *image)
{
	_cleanup_free_ char *full = *image->text ? ref_expand(image->text, NULL) : NULL;
	struct node *n = arena_alloc(a, sizeof *n);

	if (!n)
		return NULL;
	*n = *image;
	if (full) {
		n->len = strlen(full);
		n->text = arena_copy(a, full, n->len);
	}
	return n->text ? n : NULL;
}

static struct node *expanded_record(struct arena *a, const struct node *from, size_t field)
{
	struct node *n = new_node(a, NODE_MAP, from->record, from->count);

	if (!n)
		return NULL;
	memcpy(n->fields, from->fields, from->record->count * sizeof *n->fields);
	if (n->fields[field]) {
		n->fields[field] = expanded_text(a, n->fields[field]);
		if (!n->fields[field])
			return NULL;
	}
	return n;
}

/* field: of the image's name, -1 where the elements are names, -2 where there is none. */
static struct node *list_node(struct arena *a, const struct entries *e, bool expand, int field)
{
	struct node *n = new_node(a, NODE_LIST, NULL, e->count);
	size_t i;

	for (i = 0; n && i < e->count; i++) {
		const struct node *item = e->list[i].node;

		if (!expand || field == -2)
			n->items[i] = (struct node *)item;
		else if (field == -1)
			n->items[i] = expanded_text(a, item);
		else
			n->items[i] = expanded_record(a, item, (size_t)field);
		if (!n->items[i])
			return NULL;
	}
	return n;
}

/* LinuxKit expands no volume's image. */
static struct node *config_node(const struct config *c, struct arena *a, bool expand)
{
	struct node *root = new_node(a, NODE_MAP, &config_record, 0), *kernel;
	size_t i;

	kernel = new_node(a, NODE_MAP, &kernel_record, 0);
	if (!root || !kernel)
		return NULL;
	memcpy(kernel->fields, c->kernel, sizeof c->kernel);
	root->fields[CONFIG_KERNEL] = expand ? expanded_record(a, kernel, KERNEL_IMAGE) : kernel;
	root->fields[CONFIG_INIT] = list_node(a, &c->init, expand, -1);
	root->fields[CONFIG_ONBOOT] = list_node(a, &c->sections[SECTION_ONBOOT], expand, CONTAINER_IMAGE);
	root->fields[CONFIG_ONSHUTDOWN] = list_node(a, &c->sections[SECTION_ONSHUTDOWN], expand, CONTAINER_IMAGE);
	root->fields[CONFIG_SERVICES] = list_node(a, &c->sections[SECTION_SERVICES], expand, CONTAINER_IMAGE);
	root->fields[CONFIG_FILES] = list_node(a, &c->added, expand, -2);
	root->fields[CONFIG_VOLUMES] = list_node(a, &c->volumes, expand, -2);
	for (i = 0; i < CONFIG_TRUST; i++)
		if (!root->fields[i])
			return NULL;
	return root;
}

char *config_yaml(const struct config *c, bool metadata, size_t *len)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct yaml_writer w = { .out = &out, .metadata = metadata };
	struct node *root = config_node(c, &arena, metadata);
	size_t i;

	if (!root)
		return NULL;
	for (i = 0; i < CONFIG_TRUST; i++) {
		put(&w, config_record.fields[i].key);
		put(&w, ":");
		put_value(&w, root->fields[i], &config_record.fields[i], 0);
	}
	*len = out.len;
	return w.failed ? NULL : buf_steal_text(&out);
}

/* Go writes a list without elements as null: it was never made. */
static void json_list(struct jsonw *w, const struct node *list, const struct field *f)
{
	if (list->count)
		json_value(w, f->key, list, f);
	else
		jsonw_null(w, f->key);
}

char *config_json(const struct config *c, size_t *len)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct jsonw w = { .out = &out };
	struct node *root = config_node(c, &arena, true);
	size_t i;

	if (!root)
		return NULL;
	jsonw_object(&w, NULL);
	for (i = 0; i < CONFIG_TRUST; i++) {
		if (i == CONFIG_KERNEL)
			node_json(&w, "kernel", root->fields[i], &kernel_record);
		else
			json_list(&w, root->fields[i], &config_record.fields[i]);
	}
	jsonw_end(&w);
	*len = out.len;
	return jsonw_done(&w) < 0 ? NULL : buf_steal_text(&out);
}
