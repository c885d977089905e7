/* An OCI image layout inside a tree: what LinuxKit makes of a volume of format oci. */
#include "layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reach.h"
#include "str.h"

static const struct tree_meta dir_meta = { .mode = 0755 }, file_meta = { .mode = 0644 };

struct layout {
	struct tree *tree;
	struct store *store;
	const char *prefix;
};

static char *path_below(const char *prefix, const char *name)
{
	return *prefix ? str_format("%s/%s", prefix, name) : strdup(name);
}

static char *blob_path(const struct layout *l, const struct oci_descriptor *d)
{
	_cleanup_free_ char *name = str_format("blobs/%.6s/%s", d->digest, d->digest + 7);

	return name ? path_below(l->prefix, name) : NULL;
}

static int has_blob(const struct layout *l, const struct oci_descriptor *d, struct error *err)
{
	_cleanup_free_ char *path = blob_path(l, d);

	return path ? tree_find(l->tree, path) != NULL : error_set(err, ENOMEM, "image layout");
}

static int add_blob(void *data, const struct oci_descriptor *d, struct error *err)
{
	struct layout *l = data;
	_cleanup_free_ char *path = blob_path(l, d);
	_cleanup_source_ struct source *source = NULL;

	if (!path)
		return error_set(err, ENOMEM, "image layout");
	if (!store_has_blob(l->store, d->digest))
		return error_say(err, ENOENT, "blob %s is not in the image cache", d->digest);
	source = store_blob_source(l->store, d->digest, d->size, err);
	return source && tree_add_source(l->tree, path, &file_meta, source, d->size, err) ? 0 : -1;
}

static bool platform_wanted(const struct oci_descriptor *d, const struct platform *platforms, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (platform_match(&platforms[i], &d->platform))
			return true;
	return count == 0;
}

/* The index's own manifests, those of the platforms asked for. */
static int add_index(struct layout *l, const struct oci_descriptor *root, const struct platform *platforms,
		     size_t count, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_index_ struct oci_index index = { 0 };
	size_t added = 0;
	int r = 0;

	if (store_read_blob(l->store, root->digest, root->size, OCI_JSON_MAX, &text, err) < 0 ||
	    oci_index_parse(buf_bytes(&text), text.len, &index, err) < 0 || add_blob(l, root, err) < 0)
		return -1;
	/* a blob that is in the tree already is there with all that it leads to */
	for (size_t i = 0; r >= 0 && i < index.count; i++) {
		const struct oci_descriptor *d = &index.manifests[i];
		int there;

		if (oci_kind(d->media_type) != OCI_KIND_MANIFEST || !platform_wanted(d, platforms, count))
			continue;
		there = has_blob(l, d, err);
		r = there ? there : reach_walk(l->store, d, NULL, add_blob, l, err);
		added++;
	}
	if (r < 0)
		return -1;
	return added ? 0 : error_say(err, ENXIO, "the image index has nothing for %s", platform_text(&platforms[0]));
}

static int add_text(struct layout *l, const char *name, const char *text, struct error *err)
{
	_cleanup_free_ char *path = path_below(l->prefix, name);

	if (!path)
		return error_set(err, ENOMEM, "image layout");
	return tree_add_bytes(l->tree, path, &file_meta, text, strlen(text), err) ? 0 : -1;
}

static int add_dir(struct layout *l, const char *name, struct error *err)
{
	_cleanup_free_ char *path = path_below(l->prefix, name);

	if (!path)
		return error_set(err, ENOMEM, "image layout");
	return tree_add_dir(l->tree, path, &dir_meta, err) ? 0 : -1;
}

static char *index_text(const struct oci_descriptor *root, const char *name)
{
	json_t *json = json_pack("{s:i, s:s, s:[{s:s, s:s, s:I, s:{s:s}}]}", "schemaVersion", 2, "mediaType", OCI_INDEX,
				 "manifests", "mediaType", root->media_type, "digest", root->digest, "size",
				 (json_int_t)root->size, "annotations", ANNOTATION_REF_NAME, name);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

int layout_unpack(struct tree *t, const char *prefix, struct store *store, const struct ref *ref,
		  const struct platform *platforms, size_t count, struct error *err)
{
	struct layout l = { t, store, prefix };
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	_cleanup_free_ char *name = ref_text(ref), *index = NULL;

	if (!name)
		return error_set(err, ENOMEM, "image layout");
	if (store_find(store, ref, &root, err) < 0)
		return -1;
	index = index_text(&root, name);
	if (!index)
		return error_set(err, ENOMEM, "image layout");
	if (add_text(&l, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err) < 0 ||
	    add_text(&l, "index.json", index, err) < 0 || add_dir(&l, "blobs", err) < 0 ||
	    add_dir(&l, "blobs/sha256", err) < 0)
		return -1;
	if (oci_kind(root.media_type) == OCI_KIND_INDEX ? add_index(&l, &root, platforms, count, err) < 0
							: reach_walk(store, &root, NULL, add_blob, &l, err) < 0)
		return error_wrap(err, "image %s", name);
	return 0;
}
