/* From a reference to a manifest and its configuration. */
#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

enum { NESTING_MAX = 4 };

/* On the way from a name to a manifest. */
struct search {
	struct image *img;
	const struct platform *platform;
	json_t *tried; /* digests of indexes without a fitting manifest: each is looked into once */
};

static int read_manifest(struct search *s, const struct oci_descriptor *d, int depth, struct error *err);

/* An inner index says nothing of its platforms, or they are its own. ENXIO: there is nothing in it. */
static int try_inner(struct search *s, const struct oci_descriptor *d, int depth, struct error *err)
{
	if (oci_kind(d->media_type) != OCI_KIND_INDEX || json_object_get(s->tried, d->digest))
		return error_set(err, ENXIO, "%s", d->digest);
	if (json_object_set_new(s->tried, d->digest, json_null()) < 0)
		return error_set(err, ENOMEM, "image");
	return read_manifest(s, d, depth, err);
}

static int read_index(struct search *s, const struct buf *text, int depth, struct error *err)
{
	_cleanup_index_ struct oci_index index = { 0 };

	if (depth == NESTING_MAX)
		return error_say(err, ELOOP, "image indexes nested more than %d deep", NESTING_MAX);
	if (oci_index_parse(buf_bytes(text), text->len, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++)
		if (oci_kind(index.manifests[i].media_type) == OCI_KIND_MANIFEST &&
		    platform_match(s->platform, &index.manifests[i].platform))
			return read_manifest(s, &index.manifests[i], depth + 1, err);
	for (size_t i = 0; i < index.count; i++) {
		struct error why = { 0 };

		if (try_inner(s, &index.manifests[i], depth + 1, &why) == 0)
			return 0;
		if (why.code != ENXIO)
			return error_move(err, &why);
		error_clear(&why);
	}
	return oci_index_lacks(&index, s->platform, err);
}

static int read_config(struct image *img, const struct platform *platform, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	const struct oci_descriptor *d = &img->manifest.config;

	if (store_read_blob(img->store, d->digest, d->size, OCI_JSON_MAX, &text, err) < 0)
		return -1;
	if (image_config_parse(buf_bytes(&text), text.len, &img->config, err) < 0)
		return -1;
	for (size_t i = 0; i < img->manifest.layer_count; i++)
		if (!strstr(img->manifest.layers[i].media_type, ".tar"))
			return error_say(err, ENOTSUP, "layer %zu is of type %s: this is no container image", i + 1,
					 img->manifest.layers[i].media_type);
	img->foreign = img->config.platform.arch[0] && !platform_match(platform, &img->config.platform);
	return 0;
}

static int read_manifest(struct search *s, const struct oci_descriptor *d, int depth, struct error *err)
{
	struct image *img = s->img;
	_cleanup_buf_ struct buf text = { 0 };

	if (store_read_blob(img->store, d->digest, d->size, OCI_JSON_MAX, &text, err) < 0)
		return -1;
	switch (oci_kind(d->media_type)) {
	case OCI_KIND_INDEX:
		return read_index(s, &text, depth, err);
	case OCI_KIND_MANIFEST:
		break;
	default:
		return error_say(err, ENOTSUP, "media type %s is neither an image nor an index", d->media_type);
	}
	if (oci_manifest_parse(buf_bytes(&text), text.len, &img->manifest, err) < 0)
		return -1;
	img->digest = strdup(d->digest);
	if (!img->digest)
		return error_set(err, ENOMEM, "image");
	return read_config(img, s->platform, err);
}

static void search_end(struct search *s)
{
	json_decref(s->tried);
}

struct image *image_load(struct store *s, const char *text, const struct platform *platform, struct error *err)
{
	_cleanup_(search_end) struct search search = { .platform = platform, .tried = json_object() };
	_cleanup_ref_ struct ref ref = { 0 };
	struct image *img;

	if (ref_parse(text, &ref, err) < 0)
		return NULL;
	search.img = img = calloc(1, sizeof(*img));
	if (!img || !search.tried) {
		free(img);
		error_set(err, ENOMEM, "image");
		return NULL;
	}
	img->store = s;
	img->name = ref_text(&ref);
	if (!img->name) {
		error_set(err, ENOMEM, "image");
	} else if (store_find(s, &ref, &img->root, err) == 0) {
		if (read_manifest(&search, &img->root, 0, err) == 0) {
			if (oci_kind(img->root.media_type) == OCI_KIND_INDEX)
				img->foreign = false; /* the index said that it fits */
			return img;
		}
		error_wrap(err, "image %s", img->name);
	}
	image_free(img);
	return NULL;
}

void image_free(struct image *img)
{
	if (!img)
		return;
	free(img->name);
	free(img->digest);
	oci_descriptor_clear(&img->root);
	oci_manifest_clear(&img->manifest);
	image_config_clear(&img->config);
	free(img);
}

const char *image_label(const struct image *img, const char *key)
{
	return json_string_value(json_object_get(img->config.labels, key));
}
