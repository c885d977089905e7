/* The JSON schema of a file, from the tables: what editors complete and check with. */
#include "jsonschema.h"

#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "jsonw.h"
#include "str.h"

enum { RECORDS_MAX = 40 };

struct schema_writer {
	struct jsonw json;
	const struct record *seen[RECORDS_MAX]; /* in the order in which definitions are written */
	size_t count;
};

static void write_reference(struct schema_writer *s, const struct record *r)
{
	_cleanup_free_ char *ref = str_format("#/definitions/%s", r->name);
	size_t i;

	jsonw_string(&s->json, "$ref", ref ? ref : "");
	for (i = 0; i < s->count; i++)
		if (s->seen[i] == r)
			return;
	if (s->count < RECORDS_MAX)
		s->seen[s->count++] = r;
	else
		s->json.failed = true;
}

static void id_type(struct jsonw *w)
{
	jsonw_list(w, "type");
	jsonw_string(w, NULL, "string");
	jsonw_string(w, NULL, "integer");
	jsonw_end(w);
}

static void list_of(struct schema_writer *s, const struct field *f)
{
	jsonw_string(&s->json, "type", "array");
	jsonw_object(&s->json, "items");
	if (f->type == FIELD_RECORDS)
		write_reference(s, f->record);
	else if (f->type == FIELD_IDS)
		id_type(&s->json);
	else
		jsonw_string(&s->json, "type", "string");
	jsonw_end(&s->json);
}

static void int_type(struct jsonw *w, const struct field *f)
{
	if (f->flags & FIELD_BYTES) {
		id_type(w);
		jsonw_string(w, "pattern", "^[0-9]+[KMGTkmgt](i?B)?$");
	} else {
		jsonw_string(w, "type", "integer");
	}
	if (f->min != INT64_MIN)
		jsonw_int(w, "minimum", f->min);
	if (f->max < INT64_MAX)
		jsonw_uint(w, "maximum", f->max);
}

static void write_property(struct schema_writer *s, const struct field *f)
{
	struct jsonw *w = &s->json;
	size_t i;

	jsonw_object(w, f->key);
	if (f->help)
		jsonw_string(w, "description", f->help);
	switch (f->type) {
	case FIELD_STRING:
		jsonw_string(w, "type", "string");
		break;
	case FIELD_BOOL:
		jsonw_string(w, "type", "boolean");
		break;
	case FIELD_INT:
		int_type(w, f);
		break;
	case FIELD_ID:
		id_type(w);
		break;
	case FIELD_CHOICE:
		jsonw_list(w, "enum");
		for (i = 0; f->choices[i]; i++)
			jsonw_string(w, NULL, f->choices[i]);
		jsonw_end(w);
		break;
	case FIELD_TEXTS:
		jsonw_string(w, "type", "object");
		jsonw_object(w, "additionalProperties");
		jsonw_string(w, "type", "string");
		jsonw_end(w);
		break;
	case FIELD_RECORD:
		jsonw_list(w, "allOf"); /* a description beside $ref would be ignored */
		jsonw_object(w, NULL);
		write_reference(s, f->record);
		jsonw_end(w);
		jsonw_end(w);
		break;
	default:
		list_of(s, f);
	}
	jsonw_end(w);
}

static void write_object(struct schema_writer *s, const struct record *r)
{
	struct jsonw *w = &s->json;
	bool required = false;
	size_t i;

	jsonw_string(w, "type", "object");
	jsonw_bool(w, "additionalProperties", false);
	for (i = 0; i < r->count; i++)
		required |= (r->fields[i].flags & FIELD_REQUIRED) != 0;
	if (required) {
		jsonw_list(w, "required");
		for (i = 0; i < r->count; i++)
			if (r->fields[i].flags & FIELD_REQUIRED)
				jsonw_string(w, NULL, r->fields[i].key);
		jsonw_end(w);
	}
	jsonw_object(w, "properties");
	for (i = 0; i < r->count; i++)
		write_property(s, &r->fields[i]);
	jsonw_end(w);
}

char *schema_json(void)
{
	_cleanup_buf_ struct buf out = { 0 };
	struct schema_writer s = { .json = { .out = &out } };
	size_t i;

	jsonw_object(&s.json, NULL);
	jsonw_string(&s.json, "$schema", "http://json-schema.org/draft-07/schema#");
	jsonw_string(&s.json, "title", "LinuxKit YAML, as pith reads it");
	write_object(&s, &config_record);
	jsonw_object(&s.json, "definitions");
	for (i = 0; i < s.count; i++) { /* grows while it is walked */
		jsonw_object(&s.json, s.seen[i]->name);
		write_object(&s, s.seen[i]);
		jsonw_end(&s.json);
	}
	jsonw_end(&s.json);
	jsonw_end(&s.json);
	if (jsonw_done(&s.json) < 0 || buf_addstr(&out, "\n") < 0)
		return NULL;
	return buf_steal_text(&out);
}
