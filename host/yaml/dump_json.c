/* Nodes as Go's encoding/json writes LinuxKit's and the OCI types. */
#include "dump.h"
#include "dump_private.h"

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

const struct node *field_present(const struct node *n, size_t i, const struct field *f)
{
	const struct node *v = node_field(n, i);

	return v && (f->flags & FIELD_OMIT_EMPTY) && is_empty(v) ? NULL : v;
}

void json_number(struct jsonw *w, const char *key, const struct node *n)
{
	if (n->kind == NODE_UINT || (n->kind == NODE_FLOAT && n->real >= 0))
		jsonw_uint(w, key, node_number(n));
	else
		jsonw_int(w, key, (int64_t)node_number(n));
}

void json_value(struct jsonw *w, const char *key, const struct node *v, const struct field *f)
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
		const struct node *v = field_present(n, i, f);
		const char *name = f->json ? f->json : f->key;

		if (v)
			json_value(w, name, v, f);
		else if (f->flags & FIELD_JSON_ALWAYS)
			json_zero(w, name, f);
	}
	jsonw_end(w);
}
