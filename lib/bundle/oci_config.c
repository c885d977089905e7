#include "oci_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fields_private.h"
#include "spec_private.h"
#include "str.h"

#define OURS "org.pith."

static int annotation_read(const struct jsonr *key, const struct jsonr *value, struct oci_config *c, struct error *err)
{
	_cleanup_free_ char *name = NULL;
	struct oci_annotation *a;

	if (field_text_copy(key, "annotations", &name, err) < 0)
		return -1;
	if (!str_starts(name, OURS))
		return 0;
	if (value->type != JSONR_STRING)
		return error_set(err, 0, "annotations: %s: not a string", name);
	a = reallocarray(c->annotations, c->annotation_count + 1, sizeof(*a));
	if (!a)
		return error_set(err, ENOMEM, "annotations");
	c->annotations = a;
	a += c->annotation_count;
	if (field_text_copy(value, name, &a->value, err) < 0)
		return error_wrap(err, "annotations");
	a->key = steal_ptr(&name);
	c->annotation_count++;
	return 0;
}

static int annotations_read(const struct jsonr *root, struct oci_config *c, struct error *err)
{
	struct jsonr object, key, value;
	struct jsonr_iter it;

	if (field_get(root, "annotations", JSONR_OBJECT, &object, err) < 0)
		return -1;
	it = jsonr_iter(&object);
	while (jsonr_member(&it, &key, &value))
		if (annotation_read(&key, &value, c, err) < 0)
			return -1;
	return 0;
}

static int namespaces_read(const struct jsonr *root, struct oci_config *c, struct error *err)
{
	struct jsonr section, list, ns;
	struct jsonr_iter it;

	if (field_get(root, "linux", JSONR_OBJECT, &section, err) < 0 ||
	    field_get(&section, "namespaces", JSONR_ARRAY, &list, err) < 0)
		return error_set(err, 0, "linux.namespaces: not a list");
	it = jsonr_iter(&list);
	while (jsonr_element(&it, &ns)) {
		struct jsonr type = jsonr_get(&ns, "type"), path = jsonr_get(&ns, "path");

		if (jsonr_is(&type, "pid"))
			c->own_pid_namespace = path.type != JSONR_STRING || jsonr_is(&path, "");
	}
	return 0;
}

int oci_config_parse(const void *json, size_t n, struct oci_config *out, struct error *err)
{
	struct jsonr root, process;

	*out = (struct oci_config){ 0 };
	if (fields_load(json, n, &root, err) < 0 || field_get(&root, "process", JSONR_OBJECT, &process, err) < 0)
		return -1;
	if (field_bool(&process, "terminal", &out->terminal, err) < 0 || annotations_read(&root, out, err) < 0 ||
	    namespaces_read(&root, out, err) < 0) {
		oci_config_clear(out);
		return -1;
	}
	return 0;
}

void oci_config_clear(struct oci_config *c)
{
	size_t i;

	for (i = 0; i < c->annotation_count; i++) {
		free(c->annotations[i].key);
		free(c->annotations[i].value);
	}
	free(c->annotations);
	*c = (struct oci_config){ 0 };
}

const char *oci_annotation(const struct oci_config *c, const char *key)
{
	size_t i;

	for (i = 0; i < c->annotation_count; i++)
		if (str_eq(c->annotations[i].key, key))
			return c->annotations[i].value;
	return NULL;
}

/* --- changed -------------------------------------------------------------------------------------------------------
 */

static int process_write(struct jsonw *w, const struct jsonr *process, struct error *err)
{
	static const char *const without[] = { "oomScoreAdj", "env", NULL };

	jsonw_object(w, "process");
	if (spec_members_write(w, process, without, err) < 0)
		return -1;
	spec_oom_score_write(w, process);
	if (spec_env_write(w, process, NULL, err) < 0)
		return -1;
	jsonw_end(w);
	return 0;
}

static int config_write(struct jsonw *w, const struct jsonr *config, const struct jsonr *part, const char *root,
			struct error *err)
{
	static const char *const top[] = { "process", "root", NULL }, *const below_root[] = { "path", NULL };
	struct jsonr process = jsonr_get(config, "process");

	jsonw_object(w, NULL);
	if (spec_members_write(w, config, top, err) < 0)
		return -1;
	if (process.type == JSONR_OBJECT && process_write(w, &process, err) < 0)
		return -1;
	if (process.type != JSONR_OBJECT && process.type != JSONR_NONE)
		jsonw_raw(w, "process", process.start, process.len);
	jsonw_object(w, "root");
	if (spec_members_write(w, part, below_root, err) < 0)
		return -1;
	jsonw_string(w, "path", root);
	jsonw_end(w);
	jsonw_end(w);
	return jsonw_done(w) < 0 ? error_set(err, ENOMEM, "config.json") : 0;
}

int oci_config_with_root(const void *json, size_t n, const char *root, struct buf *out, struct error *err)
{
	struct jsonw w = { .out = out, .compact = true };
	struct jsonr config, part;

	if (fields_load(json, n, &config, err) < 0 || field_get(&config, "root", JSONR_OBJECT, &part, err) < 0)
		return -1;
	return config_write(&w, &config, &part, root, err);
}
