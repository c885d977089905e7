/* Making an image out of a tree: one layer, a configuration, a manifest; and the index that names it. Keys are sorted
 * and nothing depends on when or where it is written, so that the same tree has the same digest. */
#include "image_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output.h"
#include "str.h"
#include "zip.h"

static void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/* The layer's blob, and the digest of what it is uncompressed. */
static int write_layer(struct store *s, const struct tree *tree, struct oci_descriptor *out, char **diff_id,
		       struct error *err)
{
	_cleanup_blob_writer_ struct blob_writer blob = BLOB_WRITER_INIT;
	_cleanup_sink_ struct sink *zip = NULL, *plain = NULL;

	if (blob_begin(s, &blob, err) < 0)
		return -1;
	zip = zip_sink(blob.sink, ZIP_GZIP, 0, err);
	plain = zip ? sink_digest(zip, err) : NULL;
	if (!plain || tree_write_tar(tree, plain, err) < 0 || sink_finish(plain, err) < 0 || sink_finish(zip, err) < 0)
		return -1;
	*diff_id = strdup(sink_digest_text(plain));
	out->media_type = strdup(OCI_LAYER_GZIP);
	if (!*diff_id || !out->media_type)
		return error_set(err, ENOMEM, "image");
	return blob_commit(&blob, out, err);
}

static int store_json(struct store *s, const json_t *json, const char *media_type, struct oci_descriptor *out,
		      struct error *err)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	free(out->media_type);
	out->media_type = strdup(media_type);
	if (!text || !out->media_type)
		return error_set(err, ENOMEM, "image");
	return store_add_blob(s, text, strlen(text), out, err);
}

static json_t *json_of_strings(char *const *v)
{
	json_t *list = json_array();

	for (; list && *v; v++)
		if (json_array_append_new(list, json_string(*v)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static int json_set_unless_null(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static json_t *config_json(const struct image_spec *spec, const char *diff_id)
{
	_cleanup_json_ json_t *config = json_object();
	char created[32];
	time_t when = (time_t)spec->created;
	struct tm tm;
	json_t *root;

	if (!gmtime_r(&when, &tm) || !strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	if (!config ||
	    (spec->entrypoint && json_set_unless_null(config, "Entrypoint", json_of_strings(spec->entrypoint)) < 0) ||
	    (spec->cmd && json_set_unless_null(config, "Cmd", json_of_strings(spec->cmd)) < 0) ||
	    (spec->env && json_set_unless_null(config, "Env", json_of_strings(spec->env)) < 0) ||
	    (spec->workdir && json_set_unless_null(config, "WorkingDir", json_string(spec->workdir)) < 0) ||
	    (spec->user && json_set_unless_null(config, "User", json_string(spec->user)) < 0) ||
	    (json_object_size(spec->labels) && json_object_set(config, "Labels", spec->labels) < 0))
		return NULL;
	root = json_pack("{s:s, s:s, s:s, s:O, s:{s:s, s:[s]}, s:[{s:s, s:s}]}", "created", created, "architecture",
			 spec->platform.arch, "os", spec->platform.os, "config", config, "rootfs", "type", "layers",
			 "diff_ids", diff_id, "history", "created", created, "created_by", "pith");
	if (root && spec->platform.variant[0] &&
	    json_set_unless_null(root, "variant", json_string(spec->platform.variant)) < 0) {
		json_decref(root);
		return NULL;
	}
	return root;
}

int image_write(struct store *s, const struct tree *tree, const struct image_spec *spec, struct oci_descriptor *out,
		struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor layer = { 0 }, config = { 0 };
	_cleanup_json_ json_t *config_document = NULL, *manifest = NULL;
	_cleanup_free_ char *diff_id = NULL;

	*out = (struct oci_descriptor){ 0 };
	if (write_layer(s, tree, &layer, &diff_id, err) < 0)
		return -1;
	config_document = config_json(spec, diff_id);
	if (store_json(s, config_document, OCI_CONFIG, &config, err) < 0)
		return -1;
	manifest = json_pack("{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType", OCI_MANIFEST, "config",
			     oci_descriptor_json(&config), "layers", oci_descriptor_json(&layer));
	if (store_json(s, manifest, OCI_MANIFEST, out, err) < 0) {
		oci_descriptor_clear(out);
		return -1;
	}
	out->platform = spec->platform;
	return 0;
}

/* --- the index --- */

struct manifest_list {
	struct oci_descriptor *items; /* owned */
	size_t count;
};

static void list_clear(struct manifest_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		oci_descriptor_clear(&list->items[i]);
	free(list->items);
}

static int list_add(struct manifest_list *list, const struct oci_descriptor *d)
{
	struct oci_descriptor *grown = realloc(list->items, (list->count + 1) * sizeof(*grown));

	if (!grown)
		return -1;
	list->items = grown;
	if (oci_descriptor_copy(&grown[list->count], d) < 0)
		return -1;
	list->count++;
	return 0;
}

static bool same_platform(const struct platform *a, const struct platform *b)
{
	return str_eq(a->os, b->os) && str_eq(a->arch, b->arch) && str_eq(a->variant, b->variant);
}

/* What the index that has the name now says of other platforms. */
static int list_others(struct store *s, const struct ref *ref, struct manifest_list *list, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_buf_ struct buf text = { 0 };
	size_t mine = list->count;

	if (store_find(s, ref, &root, NULL) < 0 || oci_kind(root.media_type) != OCI_KIND_INDEX ||
	    store_read_blob(s, root.digest, root.size, OCI_JSON_MAX, &text, NULL) < 0 ||
	    oci_index_parse(buf_bytes(&text), text.len, &index, NULL) < 0)
		return 0; /* nothing there, or nothing worth keeping */
	for (size_t i = 0; i < index.count; i++) {
		const struct oci_descriptor *d = &index.manifests[i];
		bool replaced = oci_kind(d->media_type) != OCI_KIND_MANIFEST || !store_has_blob(s, d->digest);

		for (size_t k = 0; k < mine; k++)
			replaced |= same_platform(&d->platform, &list->items[k].platform);
		if (!replaced && list_add(list, d) < 0)
			return error_set(err, ENOMEM, "image index");
	}
	return 0;
}

static int by_platform(const void *a, const void *b)
{
	const struct platform *x = &((const struct oci_descriptor *)a)->platform;
	const struct platform *y = &((const struct oci_descriptor *)b)->platform;
	int r = strcmp(x->os, y->os);

	if (r == 0)
		r = strcmp(x->arch, y->arch);
	return r ? r : strcmp(x->variant, y->variant);
}

static json_t *index_json(const struct manifest_list *list)
{
	json_t *root = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OCI_INDEX, "manifests");

	for (size_t i = 0; root && i < list->count; i++)
		if (json_array_append_new(json_object_get(root, "manifests"), oci_descriptor_json(&list->items[i])) <
		    0) {
			json_decref(root);
			return NULL;
		}
	return root;
}

/* descs: one for each name. All names or none. */
static int set_names(struct store *s, const struct oci_descriptor *descs, char *const *names, const char *origin,
		     enum store_claim claim, struct error *err)
{
	size_t count = strv_len(names), i;
	_cleanup_free_ struct store_change *changes = calloc(count + 1, sizeof(*changes));
	_cleanup_strv_ char **full = NULL;
	int r = changes ? 0 : error_set(err, ENOMEM, "image name");

	for (i = 0; r == 0 && i < count; i++) {
		_cleanup_ref_ struct ref ref = { 0 };

		r = ref_parse(names[i], &ref, err);
		if (r == 0 && strv_take(&full, ref_cache_name(&ref)) < 0)
			r = error_set(err, ENOMEM, "image name");
	}
	for (i = 0; r == 0 && i < count; i++)
		changes[i] = (struct store_change){ .name = full[i], .desc = &descs[i] };
	if (r == 0)
		r = store_set_names(s, changes, count, origin, claim, err);
	for (i = 0; changes && i < count; i++)
		free(changes[i].was);
	return r;
}

/* The index that `name` gets. */
static int index_make(struct store *s, const struct oci_descriptor *manifests, size_t count, const char *name,
		      bool keep_others, struct oci_descriptor *out, struct error *err)
{
	_cleanup_(list_clear) struct manifest_list list = { 0 };
	_cleanup_json_ json_t *json = NULL;

	for (size_t i = 0; i < count; i++)
		if (list_add(&list, &manifests[i]) < 0)
			return error_set(err, ENOMEM, "image index");
	if (keep_others) {
		_cleanup_ref_ struct ref ref = { 0 };

		if (ref_parse(name, &ref, err) < 0 || list_others(s, &ref, &list, err) < 0)
			return -1;
	}
	qsort(list.items, list.count, sizeof(*list.items), by_platform);
	json = index_json(&list);
	return store_json(s, json, OCI_INDEX, out, err);
}

int image_publish(struct store *s, const struct oci_descriptor *manifests, size_t count, char *const *names,
		  bool keep_others, const char *origin, enum store_claim claim, struct error *err)
{
	size_t name_count = strv_len(names), i;
	_cleanup_free_ struct oci_descriptor *indexes = calloc(name_count + 1, sizeof(*indexes));
	int r = indexes ? 0 : error_set(err, ENOMEM, "image index");

	for (i = 0; r == 0 && i < name_count; i++)
		r = index_make(s, manifests, count, names[i], keep_others, &indexes[i], err);
	if (r == 0)
		r = set_names(s, indexes, names, origin, claim, err);
	for (i = 0; indexes && i < name_count; i++)
		oci_descriptor_clear(&indexes[i]);
	return r;
}
