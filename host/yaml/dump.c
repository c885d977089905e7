/* The configuration written out again: one node is made of it, and written. The order of keys is that of the tables;
 * what LinuxKit's structures write for absent values is in the tables' flags. */
#include "dump.h"

#include <stdlib.h>
#include <string.h>

#include "dump_private.h"
#include "ref.h"
#include "str.h"

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
		yaml_put(&w, config_record.fields[i].key);
		yaml_put(&w, ":");
		yaml_put_value(&w, root->fields[i], &config_record.fields[i], 0);
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
