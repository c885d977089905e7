/* The images of an archive that `docker save` makes: its manifest.json becomes a manifest for each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "import_private.h"
#include "str.h"

/* What is stored for a path, following the links that old versions of Docker write for equal layers. */
static const json_t *docker_stored_file(struct import *im, const char *path)
{
	_cleanup_free_ char *at = strdup(path);
	const json_t *f = NULL;

	for (int hops = 0; at && hops < 8; hops++) {
		const char *slash, *target;
		char *next;

		f = json_object_get(im->files, at);
		if (!json_is_string(f))
			return f;
		target = json_string_value(f);
		slash = strrchr(at, '/');
		/* "../ID/layer.tar" beside "ID/layer.tar" */
		if (str_starts(target, "../") && slash)
			next = strdup(target + 3);
		else
			next = str_format("%.*s%s", slash ? (int)(slash + 1 - at) : 0, at, target);
		free(at);
		at = next;
	}
	return NULL;
}

static int docker_descriptor(struct import *im, const char *path, const char *media_type, struct oci_descriptor *out,
			     struct error *err)
{
	const json_t *f = docker_stored_file(im, path);

	if (!f)
		return error_say(err, EBADMSG, "%.200s is missing in it", path);
	out->media_type = strdup(media_type);
	out->digest = strdup(json_string_value(json_object_get(f, "digest")));
	out->size = (uint64_t)json_integer_value(json_object_get(f, "size"));
	return out->media_type && out->digest ? 0 : error_set(err, ENOMEM, "image");
}

static int docker_add_layer(struct import *im, json_t *list, const char *path, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };

	/* whether it is compressed is seen when it is read: the type need not tell */
	if (docker_descriptor(im, path, OCI_LAYER, &d, err) < 0)
		return -1;
	return json_array_append_new(list, oci_descriptor_json(&d)) < 0 ? error_set(err, ENOMEM, "image") : 0;
}

static int docker_manifest(struct import *im, const json_t *image, struct oci_descriptor *out, struct error *err)
{
	const char *config_path = json_string_value(json_object_get(image, "Config"));
	const json_t *layers = json_object_get(image, "Layers"), *layer;
	_cleanup_descriptor_ struct oci_descriptor config = { 0 };
	_cleanup_free_ char *text = NULL;
	json_t *root, *list = json_array();
	size_t i;

	if (!config_path || !json_is_array(layers) ||
	    docker_descriptor(im, config_path, OCI_CONFIG, &config, err) < 0) {
		json_decref(list);
		return config_path && json_is_array(layers) ? -1 : error_say(err, EBADMSG, "no Config and Layers");
	}
	json_array_foreach (layers, i, layer)
		if (!json_is_string(layer) || docker_add_layer(im, list, json_string_value(layer), err) < 0) {
			json_decref(list);
			return json_is_string(layer) ? -1 : error_say(err, EBADMSG, "Layers[%zu] is no string", i);
		}
	root = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", OCI_MANIFEST, "config",
			 oci_descriptor_json(&config), "layers", list);
	text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(root);
	out->media_type = strdup(OCI_MANIFEST);
	if (!text || !out->media_type)
		return error_set(err, ENOMEM, "image");
	return store_add_blob(im->store, text, strlen(text), out, err);
}

static int docker_image(struct import *im, const json_t *image, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };
	const json_t *tags = json_object_get(image, "RepoTags"), *tag;
	size_t i;

	if (docker_manifest(im, image, &d, err) < 0)
		return -1;
	if (im->name)
		return import_list(im, im->name, &d, err);
	if (!json_array_size(tags))
		return error_say(err, EINVAL, "it does not say what its image is called: give it with --name NAME");
	json_array_foreach (tags, i, tag)
		if (!json_is_string(tag) || import_list(im, json_string_value(tag), &d, err) < 0)
			return json_is_string(tag) ? -1 : error_say(err, EBADMSG, "RepoTags[%zu] is no string", i);
	return 0;
}

int import_finish_docker(struct import *im, struct error *err)
{
	json_error_t at;
	json_t *root = oci_json_bounded(buf_bytes(&im->manifest), im->manifest.len)
		? json_loadb((char *)buf_bytes(&im->manifest), im->manifest.len, 0, &at)
		: NULL;
	size_t n = json_array_size(root);
	int r = 0;

	if (!n)
		r = error_say(err, EBADMSG, "manifest.json is no list of images, or a very long one");
	else if (im->name && n != 1)
		r = error_say(err, EINVAL, "there are %zu images in it: a name can be given to one only", n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = docker_image(im, json_array_get(root, i), err);
	json_decref(root);
	return r;
}
