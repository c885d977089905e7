/* Documents of images from JSON: sizes and counts are bounded before anything is parsed, types are checked field by
 * field, and an error names the field. */
#include "image_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ref.h"
#include "str.h"

enum { DESCRIPTORS_MAX = 4096, PLATFORMS_SHOWN = 16 };

enum oci_kind oci_kind(const char *media_type)
{
	if (str_eq(media_type, OCI_INDEX) || str_eq(media_type, DOCKER_INDEX))
		return OCI_KIND_INDEX;
	if (str_eq(media_type, OCI_MANIFEST) || str_eq(media_type, DOCKER_MANIFEST))
		return OCI_KIND_MANIFEST;
	return OCI_KIND_OTHER;
}

/* --- reading JSON --- */

bool oci_json_bounded(const void *data, size_t n)
{
	const char *p = data;
	bool in_string = false;
	size_t values = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			in_string = !in_string;
		else if (!in_string)
			values += p[i] == ',' || p[i] == ':' || p[i] == '[' || p[i] == '{';
	}
	return values <= OCI_VALUES_MAX;
}

static json_t *json_load_object(const void *data, size_t n, const char *what, struct error *err)
{
	json_error_t at;
	json_t *root;

	root = json_loadb(data, n, JSON_REJECT_DUPLICATES, &at);
	if (!root) {
		error_say(err, EBADMSG, "%s is no JSON: line %d: %s", what, at.line, at.text);
	} else if (!json_is_object(root)) {
		json_decref(root);
		root = NULL;
		error_say(err, EBADMSG, "%s is no JSON object", what);
	}
	return root;
}

static json_t *json_parse_bounded(const void *data, size_t n, const char *what, struct error *err)
{
	if (n <= OCI_JSON_MAX && oci_json_bounded(data, n))
		return json_load_object(data, n, what, err);
	if (n > OCI_JSON_MAX)
		error_say(err, EFBIG, "%s of %zu bytes: more than %u MiB", what, n, OCI_JSON_MAX >> 20);
	else
		error_say(err, E2BIG, "%s with more than %u values in it", what, OCI_VALUES_MAX);
	return NULL;
}

static void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/* NULL and 0 when the key is absent or null; -1 when it is not a string. */
static int get_string(const json_t *object, const char *key, char **out, struct error *err)
{
	const json_t *v = json_object_get(object, key);

	*out = NULL;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return error_say(err, EBADMSG, "%s is no string", key);
	*out = strdup(json_string_value(v));
	return *out ? 0 : error_set(err, ENOMEM, "%s", key);
}

static int get_strings(const json_t *object, const char *key, char ***out, struct error *err)
{
	const json_t *v = json_object_get(object, key), *item;
	size_t i;

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_array(v))
		return error_say(err, EBADMSG, "%s is no list", key);
	json_array_foreach (v, i, item) {
		if (!json_is_string(item))
			return error_say(err, EBADMSG, "%s[%zu] is no string", key, i);
		if (strv_add(out, json_string_value(item)) < 0)
			return error_set(err, ENOMEM, "%s", key);
	}
	return 0;
}

static int get_map(const json_t *object, const char *key, json_t **out, struct error *err)
{
	json_t *v = json_object_get(object, key), *item;
	const char *name;

	*out = NULL;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_object(v))
		return error_say(err, EBADMSG, "%s is no object", key);
	json_object_foreach (v, name, item)
		if (!json_is_string(item))
			return error_say(err, EBADMSG, "%s.%s is no string", key, name);
	*out = json_incref(v);
	return 0;
}

static void get_word(const json_t *object, const char *key, char *out, size_t size)
{
	const char *v = json_string_value(json_object_get(object, key));

	/* a word with other characters matches no platform that can be asked for */
	if (!v || platform_word(out, size, v) < 0)
		out[0] = 0;
}

static void get_platform(const json_t *object, struct platform *out)
{
	*out = (struct platform){ 0 };
	get_word(object, "os", out->os, sizeof(out->os));
	get_word(object, "architecture", out->arch, sizeof(out->arch));
	get_word(object, "variant", out->variant, sizeof(out->variant));
}

/* --- descriptors --- */

void oci_descriptor_clear(struct oci_descriptor *d)
{
	free(d->media_type);
	free(d->digest);
	json_decref(d->annotations);
	*d = (struct oci_descriptor){ 0 };
}

int oci_descriptor_copy(struct oci_descriptor *to, const struct oci_descriptor *from)
{
	*to = *from;
	to->media_type = from->media_type ? strdup(from->media_type) : NULL;
	to->digest = from->digest ? strdup(from->digest) : NULL;
	to->annotations = from->annotations ? json_deep_copy(from->annotations) : NULL;
	if ((from->media_type && !to->media_type) || (from->digest && !to->digest) ||
	    (from->annotations && !to->annotations)) {
		oci_descriptor_clear(to);
		return -1;
	}
	return 0;
}

const char *oci_descriptor_annotation(const struct oci_descriptor *d, const char *key)
{
	return json_string_value(json_object_get(d->annotations, key));
}

static int parse_descriptor(const json_t *v, struct oci_descriptor *out, struct error *err)
{
	const json_t *size = json_object_get(v, "size");

	if (!json_is_object(v))
		return error_say(err, EBADMSG, "is no object");
	if (get_string(v, "mediaType", &out->media_type, err) < 0 || get_string(v, "digest", &out->digest, err) < 0 ||
	    get_map(v, "annotations", &out->annotations, err) < 0)
		return -1;
	if (!out->media_type)
		return error_say(err, EBADMSG, "has no mediaType");
	if (!out->digest || !digest_valid(out->digest))
		return error_say(err, EBADMSG, "has no valid digest");
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return error_say(err, EBADMSG, "has no valid size");
	out->size = (uint64_t)json_integer_value(size);
	get_platform(json_object_get(v, "platform"), &out->platform);
	return 0;
}

static int parse_descriptors(const json_t *list, const char *name, size_t max, struct oci_descriptor **out,
			     size_t *count, struct error *err)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) && !json_is_null(list))
		return error_say(err, EBADMSG, "%s is no list", name);
	if (n > max)
		return error_say(err, E2BIG, "%zu %s: more than %zu", n, name, max);
	*out = calloc(n ? n : 1, sizeof(**out));
	if (!*out)
		return error_set(err, ENOMEM, "%s", name);
	for (; *count < n; ++*count)
		if (parse_descriptor(json_array_get(list, *count), &(*out)[*count], err) < 0) {
			error_wrap(err, "%s[%zu]", name, *count);
			++*count; /* what it holds already is freed with the others */
			return -1;
		}
	return 0;
}

static void free_descriptors(struct oci_descriptor *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		oci_descriptor_clear(&list[i]);
	free(list);
}

json_t *oci_descriptor_json(const struct oci_descriptor *d)
{
	json_t *j = json_pack("{s:s, s:s, s:I}", "mediaType", d->media_type, "digest", d->digest, "size",
			      (json_int_t)d->size);

	if (j && json_object_size(d->annotations) && json_object_set(j, "annotations", d->annotations) < 0)
		goto fail;
	if (j && d->platform.os[0]) {
		json_t *p = json_pack("{s:s, s:s}", "architecture", d->platform.arch, "os", d->platform.os);

		if (d->platform.variant[0] && json_object_set_new(p, "variant", json_string(d->platform.variant)) < 0) {
			json_decref(p);
			goto fail;
		}
		if (json_object_set_new(j, "platform", p) < 0)
			goto fail;
	}
	return j;
fail:
	json_decref(j);
	return NULL;
}

/* --- documents --- */

void oci_index_clear(struct oci_index *x)
{
	free(x->media_type);
	free_descriptors(x->manifests, x->count);
	*x = (struct oci_index){ 0 };
}

static int index_fields(const json_t *root, size_t max, struct oci_index *out, struct error *err)
{
	json_t *list = json_object_get(root, "manifests");

	if (get_string(root, "mediaType", &out->media_type, err) < 0)
		return -1;
	if (!list)
		return error_say(err, EBADMSG, "no manifests");
	return parse_descriptors(list, "manifests", max, &out->manifests, &out->count, err);
}

int oci_index_parse(const void *data, size_t n, struct oci_index *out, struct error *err)
{
	_cleanup_json_ json_t *root = json_parse_bounded(data, n, "image index", err);

	*out = (struct oci_index){ 0 };
	if (!root)
		return -1;
	if (index_fields(root, DESCRIPTORS_MAX, out, err) < 0) {
		oci_index_clear(out);
		return error_wrap(err, "image index");
	}
	return 0;
}

int oci_names_parse(const void *data, size_t n, struct oci_index *out, struct error *err)
{
	_cleanup_json_ json_t *root = json_load_object(data, n, "image index", err);

	*out = (struct oci_index){ 0 };
	if (!root)
		return -1;
	if (index_fields(root, SIZE_MAX, out, err) < 0) {
		oci_index_clear(out);
		return error_wrap(err, "image index");
	}
	return 0;
}

void oci_manifest_clear(struct oci_manifest *m)
{
	free(m->media_type);
	oci_descriptor_clear(&m->config);
	free_descriptors(m->layers, m->layer_count);
	*m = (struct oci_manifest){ 0 };
}

static int manifest_fields(const json_t *root, struct oci_manifest *out, struct error *err)
{
	json_t *config = json_object_get(root, "config"), *layers = json_object_get(root, "layers");

	if (get_string(root, "mediaType", &out->media_type, err) < 0)
		return -1;
	if (!config && json_object_get(root, "fsLayers"))
		return error_say(err, ENOTSUP,
				 "Docker's schema 1 is not supported: push the image again with a current tool");
	if (!config || !layers)
		return error_say(err, EBADMSG, "no %s", config ? "layers" : "config");
	if (parse_descriptor(config, &out->config, err) < 0)
		return error_wrap(err, "config");
	return parse_descriptors(layers, "layers", DESCRIPTORS_MAX, &out->layers, &out->layer_count, err);
}

int oci_manifest_parse(const void *data, size_t n, struct oci_manifest *out, struct error *err)
{
	_cleanup_json_ json_t *root = json_parse_bounded(data, n, "image manifest", err);

	*out = (struct oci_manifest){ 0 };
	if (!root)
		return -1;
	if (manifest_fields(root, out, err) < 0) {
		oci_manifest_clear(out);
		return error_wrap(err, "image manifest");
	}
	return 0;
}

void image_config_clear(struct image_config *c)
{
	strv_free(c->entrypoint);
	strv_free(c->cmd);
	strv_free(c->env);
	strv_free(c->diff_ids);
	free(c->workdir);
	free(c->user);
	json_decref(c->labels);
	*c = (struct image_config){ 0 };
}

static void drop_empty(char **s)
{
	if (*s && !**s) {
		free(*s);
		*s = NULL;
	}
}

static int config_fields(const json_t *root, struct image_config *out, struct error *err)
{
	const json_t *config = json_object_get(root, "config"), *rootfs = json_object_get(root, "rootfs");

	get_platform(root, &out->platform);
	if (config && !json_is_object(config) && !json_is_null(config))
		return error_say(err, EBADMSG, "config is no object");
	if (get_strings(config, "Entrypoint", &out->entrypoint, err) < 0 ||
	    get_strings(config, "Cmd", &out->cmd, err) < 0 || get_strings(config, "Env", &out->env, err) < 0 ||
	    get_string(config, "WorkingDir", &out->workdir, err) < 0 ||
	    get_string(config, "User", &out->user, err) < 0 || get_map(config, "Labels", &out->labels, err) < 0 ||
	    get_strings(rootfs, "diff_ids", &out->diff_ids, err) < 0)
		return -1;
	drop_empty(&out->workdir);
	drop_empty(&out->user);
	if (!out->labels)
		out->labels = json_object();
	return out->labels ? 0 : error_set(err, ENOMEM, "labels");
}

int image_config_parse(const void *data, size_t n, struct image_config *out, struct error *err)
{
	_cleanup_json_ json_t *root = json_parse_bounded(data, n, "image configuration", err);

	*out = (struct image_config){ 0 };
	if (!root)
		return -1;
	if (config_fields(root, out, err) < 0) {
		image_config_clear(out);
		return error_wrap(err, "image configuration");
	}
	return 0;
}

/* What belongs to an image without being one has no platform, or "unknown". */
int oci_index_lacks(const struct oci_index *index, const struct platform *wanted, struct error *err)
{
	_cleanup_free_ char *want = strdup(platform_text(wanted)), *list = NULL;
	_cleanup_strv_ char **have = NULL;

	for (size_t i = 0; i < index->count; i++) {
		const struct platform *p = &index->manifests[i].platform;

		if (p->arch[0] && !str_eq(p->arch, "unknown") && strv_len(have) < PLATFORMS_SHOWN &&
		    !strv_has(have, platform_text(p)) && strv_add(&have, platform_text(p)) < 0)
			return error_set(err, ENOMEM, "image index");
	}
	list = have ? strv_join(have, ", ") : NULL;
	return error_say(err, ENXIO, "no image for %s in it%s%s", want ? want : "", list ? ", which has " : "",
			 list ? list : "");
}
